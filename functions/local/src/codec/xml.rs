//! XML as a tree, small and bounded.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Deeper documents are refused; the deepest AWS answers have about a dozen levels.
const MAX_DEPTH: usize = 100;

/// An element without name spaces: prefixes are dropped, as no AWS answer needs them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Element {
    /// The local name.
    pub(crate) name: String,
    /// Attributes by their names as written.
    pub(crate) attributes: Vec<(String, String)>,
    /// Child elements in order.
    pub(crate) children: Vec<Element>,
    /// All text directly below, references resolved.
    pub(crate) text: String,
}

impl Element {
    /// The first child of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first element of that name, depth first, this one included.
    pub(crate) fn find(&self, name: &str) -> Option<&Element> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }

    /// An attribute's value, by its name with or without prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let wanted = name.rsplit(':').next();
        self.attributes
            .iter()
            .find(|(key, _)| key.rsplit(':').next() == wanted)
            .map(|(_, value)| value.as_str())
    }

    /// The element as text, without a declaration.
    pub(crate) fn write(&self, out: &mut String) {
        use std::fmt::Write as _;
        let _ = write!(out, "<{}", self.name);
        for (key, value) in &self.attributes {
            let _ = write!(
                out,
                " {key}=\"{}\"",
                quick_xml::escape::escape(value.as_str())
            );
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        out.push_str(&quick_xml::escape::escape(self.text.as_str()));
        for child in &self.children {
            child.write(out);
        }
        let _ = write!(out, "</{}>", self.name);
    }
}

/// Reads a document; none if it is not well-formed or too deep.
pub(crate) fn parse(text: &str) -> Option<Element> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return None;
                }
                open.push(element(&start));
            }
            Event::Empty(start) => {
                let done = element(&start);
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Some(done),
                }
            }
            Event::End(_) => {
                let mut done = open.pop()?;
                if !done.children.is_empty() && done.text.trim().is_empty() {
                    done.text.clear();
                }
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Some(done),
                }
            }
            Event::Text(text) => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(&text.xml10_content());
                }
            }
            Event::CData(text) => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                if let Some(parent) = open.last_mut() {
                    let name = reference.xml10_content();
                    let letter = match name.as_ref() {
                        "lt" => Some('<'),
                        "gt" => Some('>'),
                        "amp" => Some('&'),
                        "quot" => Some('"'),
                        "apos" => Some('\''),
                        _ => reference.resolve_char_ref().ok().flatten(),
                    };
                    parent.text.extend(letter);
                }
            }
            Event::Eof => return None,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn element(start: &BytesStart<'_>) -> Element {
    Element {
        name: start.local_name().into_inner().to_owned(),
        attributes: start
            .attributes()
            .flatten()
            .map(|one| {
                let value = one.normalized_value(quick_xml::XmlVersion::Implicit1_0);
                (
                    one.key.into_inner().to_owned(),
                    value.map(std::borrow::Cow::into_owned).unwrap_or_default(),
                )
            })
            .collect(),
        ..Element::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_survives_reading_and_writing() {
        let text = "<A x=\"1\"><B>a &lt;&#65; b</B><C/><s:D><![CDATA[<q>]]></s:D></A>";
        let tree = parse(text).expect("well-formed");
        assert_eq!(tree.child("B").expect("B").text, "a <A b");
        assert_eq!(tree.child("D").expect("D").text, "<q>");
        let mut out = String::new();
        tree.write(&mut out);
        assert_eq!(parse(&out), Some(tree));
    }

    #[test]
    fn deep_or_broken_documents_are_refused() {
        assert!(parse(&"<a>".repeat(1000)).is_none());
        assert!(parse("<a><b></a>").is_none());
        assert!(parse("").is_none());
    }
}
