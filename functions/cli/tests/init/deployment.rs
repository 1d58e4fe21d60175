//! Mistakes that somebody new makes in settings and exemptions.

use crate::mistakes::Break::{self, By, End, Whole};
use crate::mistakes::{EXEMPTIONS, SETTINGS, replaced};

const EXEMPTION: &str = "- id: one\n  covers: { policy: ec2-security-group-open-admin-ports }\n  reason: A partner\n  by: jane@example.com\n  until: 2030-01-31T18:00:00Z\n";

fn exemption(from: &str, to: &str) -> Vec<u8> {
    replaced(EXEMPTION, from, to)
}

/// Each mistake: its name, the file, how it is broken.
pub(crate) const DEPLOYMENT: &[(&str, &str, Break)] = &[
    ("settings-field", SETTINGS, End("deploymnet: revert\n")),
    ("settings-mode", SETTINGS, End("deployment: on\n")),
    ("settings-true", SETTINGS, End("deployment: true\n")),
    (
        "settings-account",
        SETTINGS,
        End("accounts:\n  \"11112222333\": approve\n"),
    ),
    (
        "settings-account-number",
        SETTINGS,
        End("notices:\n  - channels: [sns]\n    accounts: [111122223333]\n"),
    ),
    (
        "settings-policy",
        SETTINGS,
        End("policies:\n  ec2-security-group-open-admin-port: approve\n"),
    ),
    (
        "settings-param",
        SETTINGS,
        End("params:\n  ec2-security-group-open-admin-ports:\n    port: [22]\n"),
    ),
    (
        "settings-param-value",
        SETTINGS,
        End("params:\n  ec2-security-group-open-admin-ports:\n    ports: [ssh]\n"),
    ),
    (
        "settings-pipeline",
        SETTINGS,
        End("approved_pipelines: [deploy]\n"),
    ),
    (
        "settings-channel",
        SETTINGS,
        End("notices:\n  - channels: [slack:#alerts]\n"),
    ),
    (
        "settings-no-channel",
        SETTINGS,
        End("notices:\n  - severity: high\n"),
    ),
    (
        "settings-empty-channels",
        SETTINGS,
        End("notices:\n  - channels: []\n"),
    ),
    (
        "settings-severity",
        SETTINGS,
        End("notices:\n  - channels: [sns]\n    severity: hgih\n"),
    ),
    (
        "settings-notice-policy",
        SETTINGS,
        End("notices:\n  - channels: [sns]\n    policies: [ec2-open]\n"),
    ),
    (
        "exemption-without-end",
        EXEMPTIONS,
        By(|_| exemption("  until: 2030-01-31T18:00:00Z\n", "")),
    ),
    (
        "exemption-endless",
        EXEMPTIONS,
        By(|_| exemption("2030-01-31T18:00:00Z", "never")),
    ),
    (
        "exemption-duration",
        EXEMPTIONS,
        By(|_| exemption("2030-01-31T18:00:00Z", "30d")),
    ),
    (
        "exemption-date",
        EXEMPTIONS,
        By(|_| exemption("2030-01-31T18:00:00Z", "2030-01-31")),
    ),
    (
        "exemption-no-such-day",
        EXEMPTIONS,
        By(|_| exemption("2030-01-31T", "2030-02-31T")),
    ),
    (
        "exemption-ends-first",
        EXEMPTIONS,
        By(|_| exemption("  until:", "  from: 2031-01-01T00:00:00Z\n  until:")),
    ),
    (
        "exemption-of-everything",
        EXEMPTIONS,
        By(|_| {
            exemption(
                "{ policy: ec2-security-group-open-admin-ports }",
                "{ account: \"111122223333\" }",
            )
        }),
    ),
    (
        "exemption-of-nothing",
        EXEMPTIONS,
        By(|_| exemption("{ policy: ec2-security-group-open-admin-ports }", "{}")),
    ),
    (
        "exemption-policy",
        EXEMPTIONS,
        By(|_| exemption("open-admin-ports", "open-admin-prots")),
    ),
    (
        "exemption-account",
        EXEMPTIONS,
        By(|_| exemption("ports }", "ports, account: \"1111\" }")),
    ),
    (
        "exemption-actor",
        EXEMPTIONS,
        By(|_| exemption("ports }", "ports, actor: jane }")),
    ),
    (
        "exemption-tag",
        EXEMPTIONS,
        By(|_| exemption("ports }", "ports, tag: team-a }")),
    ),
    (
        "exemption-facet",
        EXEMPTIONS,
        By(|_| {
            exemption(
                "ports }",
                "ports, element: [ingres, { protocol: tcp, source: 0.0.0.0/0 }] }",
            )
        }),
    ),
    (
        "exemption-element",
        EXEMPTIONS,
        By(|_| exemption("ports }", "ports, element: { protocol: tcp } }")),
    ),
    (
        "exemption-member",
        EXEMPTIONS,
        By(|_| {
            exemption(
                "ports }",
                "ports, element: [ingress, { protocol: tcp, port: 22, source: 0.0.0.0/0 }] }",
            )
        }),
    ),
    (
        "exemption-twice",
        EXEMPTIONS,
        By(|_| EXEMPTION.repeat(2).into()),
    ),
    (
        "exemption-mapping",
        EXEMPTIONS,
        Whole(b"id: one\nreason: A partner\n"),
    ),
];
