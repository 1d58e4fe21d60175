//! Mistakes that somebody new makes in a policy.

pub(crate) const POLICY: &str = "policies/ec2/ec2-security-group-open-admin-ports.yaml";
pub(crate) const SETTINGS: &str = "policies/settings.yaml";
pub(crate) const EXEMPTIONS: &str = "policies/exemptions.yaml";

/// How a file is broken.
pub(crate) enum Break {
    /// The first of these becomes that.
    Text(&'static str, &'static str),
    /// The file holds only this.
    Whole(&'static [u8]),
    /// This stands at its end.
    End(&'static str),
    /// Anything else.
    By(fn(Vec<u8>) -> Vec<u8>),
}

use Break::{By, End, Text, Whole};

const BOMB: &str = "references:\n  a: &a [x, x, x, x, x, x, x, x, x]\n  b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n  c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n  d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\n";

pub(crate) fn replaced(text: &str, from: &str, to: &str) -> Vec<u8> {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into_bytes()
}

/// Each mistake: its name, the file, how it is broken.
pub(crate) const POLICIES: &[(&str, &str, Break)] = &[
    (
        "unknown-field",
        POLICY,
        Text("severity: critical", "sevrity: critical"),
    ),
    (
        "foreign-field",
        POLICY,
        Text("severity: critical", "severity: critical\ntags: [ssh]"),
    ),
    ("missing-field", POLICY, Text("severity: critical\n", "")),
    ("two-missing-fields", POLICY, Text("remedy: restore\n", "")),
    (
        "wrong-severity",
        POLICY,
        Text("severity: critical", "severity: hihg"),
    ),
    ("wrong-mode", POLICY, Text("mode: revert", "mode: enforce")),
    (
        "wrong-type",
        POLICY,
        Text("title: A security group", "title: [A security group]\n#"),
    ),
    (
        "number-for-text",
        POLICY,
        Text("title: A security group", "title: 22\n#"),
    ),
    (
        "list-for-mapping",
        POLICY,
        Text("params:\n", "params: [22]\nx:\n"),
    ),
    (
        "text-for-list",
        POLICY,
        Text("fsbp: [EC2.13, EC2.14]", "fsbp: EC2.13"),
    ),
    (
        "number-in-list",
        POLICY,
        Text("fsbp: [EC2.13, EC2.14]", "fsbp: [5.3]"),
    ),
    (
        "nothing-after-key",
        POLICY,
        Text("prevent: Reach", "prevent: #"),
    ),
    ("wrong-version", POLICY, Text("policy/v1\n", "policy/v2\n")),
    (
        "wrong-id",
        POLICY,
        Text(
            "id: ec2-security-group-open-admin-ports",
            "id: EC2 open admin ports",
        ),
    ),
    (
        "other-id",
        POLICY,
        Text(
            "id: ec2-security-group-open-admin-ports",
            "id: ec2-open-admin-ports",
        ),
    ),
    (
        "unknown-kind",
        POLICY,
        Text("kind: ec2/security-group", "kind: ec2/securitygroup"),
    ),
    (
        "unknown-event",
        POLICY,
        Text(
            "[AuthorizeSecurityGroupIngress,",
            "[AuthoriseSecurityGroupIngress,",
        ),
    ),
    (
        "unknown-source",
        POLICY,
        Text("ec2.amazonaws.com:", "ec2.amazon.com:"),
    ),
    (
        "no-events",
        POLICY,
        Text(
            "ec2.amazonaws.com: [AuthorizeSecurityGroupIngress, ModifySecurityGroupRules]",
            "ec2.amazonaws.com: []",
        ),
    ),
    (
        "unknown-function",
        POLICY,
        Text("net.open(state", "net.opne(state"),
    ),
    (
        "unknown-facet-in-expression",
        POLICY,
        Text("(state.ingress,", "(state.ingres,"),
    ),
    (
        "unknown-param-in-expression",
        POLICY,
        Text(
            "net.open(state.ingress, params)",
            "state.ingress.filter(r, r.to in params.prots)",
        ),
    ),
    (
        "unknown-name-in-folded-expression",
        POLICY,
        Text(
            "violation: net.open(state.ingress, params)",
            "violation: >-\n  net.open(\n    stat.ingress,\n    params)",
        ),
    ),
    (
        "expression-syntax",
        POLICY,
        Text(
            "net.open(state.ingress, params)",
            "net.open(state.ingress, params",
        ),
    ),
    (
        "expression-syntax-in-block",
        POLICY,
        Text(
            "violation: net.open(state.ingress, params)",
            "violation: |\n  net.open(state.ingress,\n    ,params)",
        ),
    ),
    ("wrong-port", POLICY, Text("ports: [22,", "ports: [70000,")),
    ("turned-range", POLICY, Text("5900-5903", "5903-5900")),
    ("wrong-block", POLICY, Text("own: []", "own: [office]")),
    (
        "wrong-prefix",
        POLICY,
        Text("own: []", "own: [10.0.0.0/33]"),
    ),
    ("unknown-param", POLICY, Text("own: []", "owns: []")),
    (
        "unknown-facet",
        POLICY,
        Text("before: { ingress: [] }", "before: { ingres: [] }"),
    ),
    (
        "unknown-member",
        POLICY,
        Text("protocol: tcp, from: 443", "protocol: tcp, form: 443"),
    ),
    (
        "wrong-port-in-case",
        POLICY,
        Text("from: 443, to: 443", "from: ssh, to: 443"),
    ),
    (
        "wrong-source-in-case",
        POLICY,
        Text("source: 0.0.0.0/0", "source: internet"),
    ),
    (
        "wrong-protocol-in-case",
        POLICY,
        Text("protocol: tcp", "protocol: tpc"),
    ),
    (
        "missing-member-in-case",
        POLICY,
        Text(
            "{ protocol: tcp, from: 443, to: 443, source: 0.0.0.0/0 }",
            "{ from: 443, to: 443, source: 0.0.0.0/0 }",
        ),
    ),
    (
        "wrong-change-in-case",
        POLICY,
        Text(
            "change: AuthorizeSecurityGroupIngress",
            "change: RunInstances",
        ),
    ),
    (
        "wrong-desired",
        POLICY,
        Text("desired: before", "desired: befor"),
    ),
    ("wrong-count", POLICY, Text("violated: 1", "violated: yes")),
    (
        "missing-expect",
        POLICY,
        Text("    expect: { violated: 1, desired: before }\n", ""),
    ),
    (
        "no-cases",
        POLICY,
        By(|b| {
            String::from_utf8(b)
                .unwrap()
                .split("cases:")
                .next()
                .unwrap()
                .into()
        }),
    ),
    (
        "case-left-out",
        POLICY,
        By(|b| {
            let text = String::from_utf8(b).unwrap();
            text.split("\n  - it: leaves ssh from")
                .next()
                .unwrap()
                .into()
        }),
    ),
    ("duplicate-key", POLICY, End("mode: observe\n")),
    ("merge-key", POLICY, Text("  own: []", "  <<: { own: [] }")),
    ("unknown-alias", POLICY, Text("own: []", "own: *offices")),
    ("tag", POLICY, Text("own: []", "own: !!set []")),
    ("alias-bomb", POLICY, Text("references:\n", BOMB)),
    ("tab", POLICY, Text("  own: []", "\town: []")),
    ("wrong-indentation", POLICY, Text("  own: []", " own: []")),
    (
        "deeper-indentation",
        POLICY,
        Text("\nseverity: critical", "\n  severity: critical"),
    ),
    (
        "no-space-after-colon",
        POLICY,
        Text("severity: critical", "severity:critical"),
    ),
    (
        "unclosed-bracket",
        POLICY,
        Text(
            "ports: [22, 3389, 5900-5903, 5985, 5986]",
            "ports: [22, 3389",
        ),
    ),
    (
        "unclosed-quote",
        POLICY,
        Text("title: A security group", "title: \"A security group"),
    ),
    (
        "colon-in-text",
        POLICY,
        Text("why: Scanners find", "why: Danger: scanners find"),
    ),
    ("second-document", POLICY, End("---\nschema: policy/v1\n")),
    (
        "crlf",
        POLICY,
        By(|b| {
            String::from_utf8(b)
                .unwrap()
                .replace("sever", "sevr")
                .replace('\n', "\r\n")
                .into()
        }),
    ),
    (
        "bom",
        POLICY,
        By(|b| {
            [
                b"\xef\xbb\xbf".as_slice(),
                &replaced(&String::from_utf8(b).unwrap(), "severity:", "sevrity:"),
            ]
            .concat()
        }),
    ),
    (
        "nul",
        POLICY,
        Text("title: A security", "title: A\0security"),
    ),
    (
        "not-utf-8",
        POLICY,
        By(|b| {
            let mut b = b;
            let at = b.windows(6).position(|w| w == b"title:").unwrap();
            b.splice(at + 7..at + 7, *b"\xe9\xff");
            b
        }),
    ),
    ("empty", POLICY, Whole(b"")),
    ("only-comments", POLICY, Whole(b"# to do\n\n")),
    ("a-list", POLICY, Whole(b"# to do\n- schema: policy/v1\n")),
    ("a-text", POLICY, Whole(b"hello\n")),
    (
        "json",
        POLICY,
        Whole(b"{\"schema\": \"policy/v1\", \"id\": \"x\"}\n"),
    ),
];

/// The text of a file with a mistake.
pub(crate) fn broken(text: Vec<u8>, how: &Break) -> Vec<u8> {
    match how {
        Text(from, to) => replaced(&String::from_utf8(text).unwrap(), from, to),
        Whole(bytes) => bytes.to_vec(),
        End(more) => [text.as_slice(), more.as_bytes()].concat(),
        By(edit) => edit(text),
    }
}
