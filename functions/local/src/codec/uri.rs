//! Percent-encoding, paths and query strings.

use std::fmt::Write as _;

/// Decodes `%XX`. Bytes that are not UTF-8 are replaced; a stray `%` stays.
pub(crate) fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let rest = bytes.clone();
            let hex: Vec<u8> = rest.take(2).collect();
            let code = std::str::from_utf8(&hex).ok().filter(|_| hex.len() == 2);
            if let Some(code) = code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                out.push(code);
                bytes.next();
                bytes.next();
                continue;
            }
        }
        out.push(byte);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Encodes all but the unreserved characters, and but `/` where `keep_slash`.
pub(crate) fn encode(text: &str, keep_slash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || (keep_slash && byte == b'/') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The path and the decoded parameters of a request target.
pub(crate) fn split(target: &str) -> (&str, Vec<(String, String)>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (
        path,
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_inverts_encoding() {
        for text in [
            "",
            "a/b c%d",
            "ümläut",
            "100%",
            "%zz",
            "arn:aws:iam::1:role/x",
        ] {
            assert_eq!(decode(&encode(text, false)), text);
            assert_eq!(decode(&encode(text, true)), text);
        }
        assert_eq!(decode("%"), "%");
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("%41b"), "Ab");
    }
}
