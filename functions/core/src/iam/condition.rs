//! What a condition pins a statement to, as S3 reckons (S3 User Guide, "Blocking public access":
//! "The meaning of public").

use std::net::IpAddr;

use ipnet::IpNet;

use super::document::{Statement, Test, brief};
use super::wildcard::is_open;

/// What a statement's conditions do to whom it lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pinned {
    /// To fixed values: not everybody.
    Yes,
    /// Not at all: whoever fulfils them by choice gets in.
    No,
    /// It isn't known what they do.
    CannotTell(String),
}

/// Keys whose fixed values say who, or from where.
const KEYS: [&str; 13] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

/// Keys that anybody can fulfil, or that tell of the resource and the way to it.
const ANYBODY: [&str; 22] = [
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:currenttime",
    "aws:epochtime",
    "aws:referer",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:securetransport",
    "aws:useragent",
    "kms:viaservice",
    "lambda:functionurlauthtype",
    "s3:authtype",
    "s3:prefix",
    "s3:resourceaccount",
    "s3:signatureversion",
    "s3:tlsversion",
    "s3:x-amz-acl",
    "s3:x-amz-server-side-encryption",
    "s3:versionid",
];

impl Statement {
    /// What its conditions pin it to.
    pub(super) fn pinned(&self) -> Pinned {
        let mut doubt = None;
        for test in &self.tests {
            match test.pins() {
                Pinned::Yes => return Pinned::Yes,
                Pinned::No => {}
                Pinned::CannotTell(why) => doubt = Some(why),
            }
        }
        doubt.map_or(Pinned::No, Pinned::CannotTell)
    }
}

impl Test {
    fn pins(&self) -> Pinned {
        let unknown = || {
            let why = format!(
                "it isn't known what {} {} does",
                self.operator,
                brief(&self.key)
            );
            Pinned::CannotTell(why)
        };
        if self.operator == "null" || self.operator.starts_with("forallvalues:") {
            // Both hold where the key is missing, or say no more than that it is there.
            return if KEYS.contains(&self.key.as_str()) {
                unknown()
            } else {
                Pinned::No
            };
        }
        if ANYBODY.contains(&self.key.as_str()) {
            return Pinned::No;
        }
        let operator = self.operator.strip_prefix("foranyvalue:");
        let operator = operator.unwrap_or(&self.operator);
        if operator.ends_with("ifexists") || operator.contains("not") {
            // It holds for whoever comes without the key, or with another value.
            let known = KEYS.contains(&self.key.as_str()) || self.key == "aws:sourceip";
            return if known { Pinned::No } else { unknown() };
        }
        match (operator, self.key.as_str()) {
            ("ipaddress", "aws:sourceip") => self.addresses(),
            (
                "stringequals" | "stringequalsignorecase" | "stringlike" | "arnequals" | "arnlike",
                key,
            ) if KEYS.contains(&key) => self.values(key),
            _ => unknown(),
        }
    }

    fn values(&self, key: &str) -> Pinned {
        // Whoever comes without credentials has this id (IAM User Guide, "Principal key values").
        let nobody = |v: &String| v.eq_ignore_ascii_case("anonymous");
        if key == "aws:userid" && self.values.iter().any(nobody) {
            return Pinned::No;
        }
        let mut open = self.values.iter().filter(|v| is_open(v));
        let Some(value) = open.next() else {
            return Pinned::Yes;
        };
        // A pattern within one account is told from one over all by its account alone.
        let accounts = self.values.iter().map(|v| v.split(':').nth(4));
        let is_account = |a: Option<&str>| {
            a.is_some_and(|a| a.len() == 12 && a.bytes().all(|b| b.is_ascii_digit()))
        };
        match key {
            "aws:sourcearn" | "aws:principalarn" | "s3:dataaccesspointarn"
                if accounts.clone().all(is_account) =>
            {
                let why = format!("{} leaves part of an account open", brief(value));
                if key == "s3:dataaccesspointarn" {
                    Pinned::Yes
                } else {
                    Pinned::CannotTell(why)
                }
            }
            "aws:principalorgpaths" | "aws:userid" if value.len() > 1 => {
                Pinned::CannotTell(format!("{} is only partly fixed", brief(value)))
            }
            _ => Pinned::No,
        }
    }

    /// Addresses pin where none of the ranges is wider than S3 takes for public.
    fn addresses(&self) -> Pinned {
        let mut public = 0;
        for value in &self.values {
            let range = value.parse::<IpNet>();
            let range = range.or_else(|_| value.parse::<IpAddr>().map(IpNet::from));
            let Ok(range) = range else {
                return Pinned::CannotTell(format!("{} is no range of addresses", brief(value)));
            };
            let widest = match range {
                IpNet::V4(_) => 8,
                IpNet::V6(_) => 32,
            };
            if range.prefix_len() < widest {
                return Pinned::No;
            }
            public += usize::from(range.prefix_len() <= widest + 4);
        }
        if public > 1 {
            return Pinned::CannotTell(
                "its ranges together may be most of the internet".to_owned(),
            );
        }
        Pinned::Yes
    }
}
