//! Whether an answer came to its end.
//!
//! The SDK takes the beginning of an XML answer for all of it: a list that was cut off is then a
//! shorter list, and a resource looks as it never was.

/// An XML body ends with the element that it began with. Other bodies are their readers' matter.
pub(crate) fn is_whole(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    if !body.starts_with(b"<") {
        return true;
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return false;
    };
    let Some(root) = root(text) else {
        return false;
    };
    let opening = root.strip_prefix('<').unwrap_or(root);
    let name = opening.split(|c: char| c.is_whitespace() || "/>".contains(c));
    let name = name.into_iter().next().unwrap_or_default();
    let alone = opening.ends_with("/>") && !opening.contains('<');
    alone || text.ends_with(&format!("</{name}>"))
}

/// From the root element on: what is declared or remarked before it is left out.
fn root(mut text: &str) -> Option<&str> {
    loop {
        let end = match text {
            t if t.starts_with("<?") => "?>",
            t if t.starts_with("<!--") => "-->",
            t if t.starts_with("<!") => ">",
            t => return Some(t),
        };
        text = text.split_once(end)?.1.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_was_cut_off_anywhere_is_not_whole() {
        let whole =
            "<?xml version=\"1.0\"?>\n<!-- é --><List xmlns=\"x\"><a><b>é</b></a><c/></List>\n";
        assert!(is_whole(whole.as_bytes()));
        let end = whole.trim_end().len();
        for cut in 1..end {
            assert!(!is_whole(&whole.as_bytes()[..cut]), "{cut}");
        }
    }

    #[test]
    fn what_is_no_xml_or_empty_is_left_to_its_reader() {
        for body in ["", "{\"a\": 1", "<Answer/>", "<Answer a=\"1\" />"] {
            assert!(is_whole(body.as_bytes()), "{body}");
        }
        assert!(!is_whole(b"<Answer><a/>"));
        assert!(!is_whole(b"\n<Answer"));
    }
}
