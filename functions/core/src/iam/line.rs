//! One document to be judged, as `undrift judge` reads and answers it: a line of JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document::{Document, Who};
use super::identity::{IdentityVerdict, identity};
use super::s3::{Bucket, Exposure};
use super::situation::{Service, Situation, Trusted};
use super::verdict::{Grant, ResourceVerdict, resource};

/// Whose policy a document is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A resource's.
    #[default]
    Resource,
    /// A role's trust policy.
    Trust,
    /// A user's, role's or group's.
    Identity,
}

/// What is asked of one document. Members that nobody asks about are let pass: lines come with
/// labels and notes of their own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Line {
    /// What the asker calls it.
    pub id: Value,
    /// The document: an object, its text, or (of identities) a list of them.
    pub policy: Value,
    /// Whose policy it is.
    pub kind: DocumentKind,
    /// The service of its resource, as actions have it.
    pub resource_type: Option<String>,
    /// Whose the resource is.
    #[serde(deserialize_with = "super::situation::account")]
    pub account: Option<String>,
    /// Who is no stranger.
    pub trusted: Trusted,
    /// Of a bucket: what beside its policy decides who gets in.
    pub bucket: Option<Bucket>,
    /// Of an identity: its permissions boundary.
    pub boundary: Option<Value>,
}

/// The answer: `verdict` in the words of [`ResourceVerdict`] or [`IdentityVerdict`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// What the asker calls it.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub id: Value,
    /// The verdict.
    pub verdict: Value,
    /// What is granted to others, or the ways to all rights.
    pub grants: Vec<Value>,
    /// Of a bucket: what of it is in effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// Why, where no grant says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Why a text is no line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// More of it may come.
    #[error("a document is begun and never ends")]
    Unfinished,
    /// It is something else.
    #[error("{0}")]
    Malformed(String),
}

impl Line {
    /// Reads a line, or a document alone. What it doesn't say is as in `otherwise`.
    ///
    /// # Errors
    /// If it isn't JSON, or neither a document nor an object with one.
    pub fn parse(text: &str, otherwise: &Self) -> Result<Self, Unread> {
        let text = text.trim_start_matches('\u{feff}');
        let value = super::json::parse(text).map_err(|e| {
            if e.is_eof() {
                Unread::Unfinished
            } else {
                Unread::Malformed(format!("it is not JSON: {e}"))
            }
        })?;
        let members = value.as_object();
        let is_document = members.is_some_and(|m| m.contains_key("Statement"));
        if is_document {
            return Ok(Self {
                policy: value,
                ..otherwise.clone()
            });
        }
        // What `aws s3api get-bucket-policy` and its like print.
        if let Some(policy @ Value::String(_)) = members.and_then(|m| m.get("Policy")) {
            return Ok(Self {
                policy: policy.clone(),
                ..otherwise.clone()
            });
        }
        if !members.is_some_and(|m| m.contains_key("policy")) {
            let why = "it is neither a policy document nor an object with `policy`";
            return Err(Unread::Malformed(why.to_owned()));
        }
        let said = |name: &str| members.is_some_and(|m| m.get(name).is_some_and(|v| !v.is_null()));
        let (kind, of_type, account) = (said("kind"), said("resource_type"), said("account"));
        let line: Self =
            serde_json::from_value(value).map_err(|e| Unread::Malformed(e.to_string()))?;
        Ok(Self {
            kind: if kind { line.kind } else { otherwise.kind },
            resource_type: if of_type {
                line.resource_type
            } else {
                otherwise.resource_type.clone()
            },
            account: if account {
                line.account
            } else {
                otherwise.account.clone()
            },
            ..line
        })
    }

    /// What the document belongs to: what the line says, or else what its own words say.
    #[must_use]
    pub fn situation(&self, document: &Document) -> Situation {
        let said = Situation::of(document);
        Situation {
            service: match self.resource_type.as_deref() {
                None | Some("" | "generic") => said.service,
                Some(named) => Service::of(named),
            },
            is_trust: self.kind == DocumentKind::Trust || said.is_trust,
            account: self.account.clone(),
            trusted: self.trusted.clone(),
        }
    }

    /// How the verdict comes about, in words.
    ///
    /// # Errors
    /// If the document can't be read.
    pub fn explain(&self) -> Result<Vec<super::words::Section>, String> {
        if self.kind == DocumentKind::Identity {
            let (documents, boundary) = self.documents()?;
            return Ok(super::words::explain_identity(
                &documents,
                boundary.as_ref(),
                self.account.as_deref(),
            ));
        }
        let document = Document::read(&self.policy)?;
        let situation = self.situation(&document);
        Ok(super::words::explain_resource(&document, &situation))
    }

    fn documents(&self) -> Result<(Vec<Document>, Option<Document>), String> {
        let documents: Result<Vec<Document>, String> = match &self.policy {
            Value::Array(all) => all.iter().map(Document::read).collect(),
            one => Document::read(one).map(|d| vec![d]),
        };
        let boundary = self.boundary.as_ref().map(Document::read).transpose()?;
        Ok((documents?, boundary))
    }

    /// It is an identity's policy: its statements name no principal.
    #[must_use]
    pub fn names_nobody(&self) -> bool {
        Document::read(&self.policy).is_ok_and(|d| d.known().all(|s| s.who == Who::Unsaid))
    }

    /// Judges it.
    #[must_use]
    pub fn judge(&self) -> Answer {
        if self.kind == DocumentKind::Identity {
            return self.identity();
        }
        match Document::read(&self.policy) {
            Ok(document) => {
                let judged = resource(&document, &self.situation(&document));
                let grants = judged.grants.iter().map(grant).collect();
                Answer {
                    exposure: self.bucket.as_ref().map(|b| b.exposure(judged.verdict)),
                    ..self.answer(json!(judged.verdict), grants, None)
                }
            }
            Err(why) => self.answer(json!(ResourceVerdict::CannotTell), Vec::new(), Some(why)),
        }
    }

    fn identity(&self) -> Answer {
        let (documents, boundary) = match self.documents() {
            Ok(read) => read,
            Err(why) => {
                return self.answer(json!(IdentityVerdict::CannotTell), Vec::new(), Some(why));
            }
        };
        let judged = identity(&documents, boundary.as_ref(), self.account.as_deref());
        let place = |document: &usize, statement: &usize| {
            let name = documents.get(*document).and_then(|d| d.name(*statement));
            match documents.len() {
                1 => name.unwrap_or_default(),
                _ => format!("{document}/{}", name.unwrap_or_default()),
            }
        };
        let grants = judged.ways.iter().map(|way| {
            let places = way.statements.iter().map(|(d, s)| place(d, s));
            json!({
                "statement": places.collect::<Vec<_>>().join(","),
                "actions": way.actions,
                "tier": way.tier,
                "certain": way.certain,
                "why": super::identity::in_words(way),
            })
        });
        self.answer(json!(judged.verdict), grants.collect(), Some(judged.why))
    }

    fn answer(&self, verdict: Value, grants: Vec<Value>, why: Option<String>) -> Answer {
        Answer {
            id: self.id.clone(),
            verdict,
            grants,
            exposure: None,
            why,
        }
    }
}

fn grant(grant: &Grant) -> Value {
    serde_json::to_value(grant).unwrap_or_default()
}
