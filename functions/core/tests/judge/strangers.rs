//! P15: whom the simulator lets in isn't missed; what the judge shows, the simulator lets in.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::Value;
use undrift_core::iam::Answer;

use crate::properties::{Checked, line, rank};
use crate::random::{KEYS, OWN, STRANGER};
use crate::simulator::{Call, Caller, gets_in};

/// Calls of strangers. What they can choose they choose by the numbers given.
fn strangers(document: &Value, numbers: &[u8]) -> Vec<Call> {
    let text = document.to_string();
    let mut calls = Vec::new();
    for (n, seed) in numbers.chunks(8).enumerate() {
        let pick = |at: usize, of: usize| usize::from(*seed.get(at).unwrap_or(&0)) % of;
        let mut context: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut put = |key: &str, value: &str| {
            context.insert(key.to_lowercase(), vec![value.to_owned()]);
        };
        for (m, (key, _, values)) in KEYS.iter().enumerate() {
            // A stranger chooses none of these: they say who it is.
            if m < 9 || *key == "aws:PrincipalIsAWSService" || *key == "aws:ResourceAccount" {
                continue;
            }
            let which = (pick(0, 251) * 7 + m * 13 + pick(1, 251)) % (values.len() + 2);
            match values.get(which) {
                Some(value) if text.contains(key) => {
                    let value = value.replace('*', "x").replace("${aws:username}", "maya");
                    put(key, if *key == "aws:userid" { "x" } else { &value });
                }
                _ if which == values.len() => put(key, "something else"),
                _ => {}
            }
        }
        put("aws:SecureTransport", ["true", "false"][pick(2, 2)]);
        put(
            "aws:CurrentTime",
            [
                "2026-06-01T00:00:00Z",
                "2050-06-01T00:00:00Z",
                "2010-01-01T00:00:00Z",
            ][pick(3, 3)],
        );
        put("aws:ViaAWSService", "false");
        put("aws:ResourceAccount", OWN);
        put("aws:ResourceOrgID", "o-own0000000");
        let address = [
            "185.220.101.33",
            "91.198.174.192",
            "53.8.9.10",
            "2601::5",
            "2a02:2e0::7",
        ][pick(4, 5)];
        let caller = match n % 4 {
            0 => {
                put("aws:userid", "anonymous");
                put("aws:SourceIp", address);
                Caller::Anonymous
            }
            kind => {
                let name = ["user/x", "role/admin", "user/maya", "role/x"][pick(5, 4)];
                let arn = format!("arn:aws:iam::{STRANGER}:{name}");
                put("aws:PrincipalArn", &arn);
                put("aws:PrincipalAccount", STRANGER);
                put("aws:PrincipalIsAWSService", "false");
                put(
                    "aws:userid",
                    ["AIDASTRANGER00000001", "AROASTRANGER00000001:maya"][pick(6, 2)],
                );
                if pick(6, 3) == 0 {
                    put("aws:PrincipalOrgID", "o-stranger00");
                }
                if kind == 3 {
                    put("aws:SourceVpc", "vpc-stranger");
                    put("aws:SourceVpce", "vpce-stranger");
                } else {
                    put("aws:SourceIp", address);
                }
                Caller::Signed(arn)
            }
        };
        calls.push(Call {
            caller,
            action: [
                "s3:GetObject",
                "s3:ListBucket",
                "s3:PutObject",
                "s3:DeleteBucket",
            ][pick(7, 4)]
            .to_owned(),
            resource: [
                "arn:aws:s3:::b/x",
                "arn:aws:s3:::b",
                "arn:aws:s3:::b/public/x",
                "arn:aws:s3:::b/maya/x",
            ][pick(1, 4)]
            .to_owned(),
            context,
        });
    }
    calls
}

/// P15: whom the simulator lets in isn't missed; what the judge shows, the simulator lets in.
pub(crate) fn no_stranger_is_missed(document: &Value, numbers: &[u8]) -> Checked {
    let judged = line(document).judge();
    for call in strangers(document, numbers) {
        let inside = gets_in(document, &call).map_err(TestCaseError::fail)?;
        prop_assert!(
            !inside || rank(&judged) == 2,
            "P15: {} misses {call:?} of {document}",
            judged.verdict
        );
    }
    witnesses(document, &judged)
}

pub(crate) fn witnesses(document: &Value, judged: &Answer) -> Checked {
    for grant in judged.grants.iter().filter(|g| g["verdict"] == "public") {
        let shown = &grant["witness"];
        let name = |kind: &str| shown["caller"][kind].as_str().map(str::to_owned);
        let caller = match &shown["caller"] {
            Value::String(_) => Caller::Anonymous,
            _ => name("signed")
                .map(Caller::Signed)
                .or(name("service").map(Caller::Service))
                .or(name("federated").map(Caller::Federated))
                .unwrap(),
        };
        let call = Call {
            caller,
            action: shown["action"].as_str().unwrap().to_owned(),
            resource: shown["resource"].as_str().unwrap().to_owned(),
            context: serde_json::from_value(shown["context"].clone()).unwrap(),
        };
        let inside = gets_in(document, &call).map_err(TestCaseError::fail)?;
        prop_assert!(
            inside,
            "a request that doesn't get in: {call:?} of {document}"
        );
    }
    Ok(())
}
