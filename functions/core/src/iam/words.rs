//! A verdict on a document in words: what each statement says, what each of its conditions keeps
//! out and what not, and what follows.

use super::attack::Budget;
use super::document::{Document, Effect, Listed, Statement, Test, Who, brief, few};
use super::identity::{identity, in_words};
use super::keys::{Tells, tells};
use super::operator::{Base, Quantifier};
use super::pins::Pin;
use super::request::{Caller, Request};
use super::resource::{Stand, stand};
use super::situation::Situation;
use super::verdict::{ResourceVerdict, resource};

/// How many names, actions or values are shown at once.
const SHOWN: usize = 6;

/// What is said under one heading.
pub type Section = (String, Vec<String>);

/// How the verdict on a resource's policy comes about.
#[must_use]
pub fn explain_resource(document: &Document, situation: &Situation) -> Vec<Section> {
    let budget = Budget::default();
    let mut sections = Vec::new();
    for (place, read) in document.statements.iter().enumerate() {
        let heading = format!("Statement {}", document.name(place).unwrap_or_default());
        let says = match read {
            Err(why) => vec![format!("It can't be read: {why}.")],
            Ok(statement) => {
                let mut says = vec![whole(statement)];
                says.extend(
                    statement
                        .odd
                        .iter()
                        .map(|why| format!("Of its conditions {why}.")),
                );
                says.extend(
                    statement
                        .tests
                        .iter()
                        .map(|t| test(t, statement, document, situation)),
                );
                if statement.effect == Effect::Allow {
                    says.push(follows(stand(document, statement, situation, &budget)));
                }
                says
            }
        };
        sections.push((heading, says));
    }
    let judged = resource(document, situation);
    let verdict = match judged.verdict {
        ResourceVerdict::NotPublic => "Not public: no statement lets strangers in.",
        ResourceVerdict::CrossAccount => {
            "Cross-account: not everybody, but a stranger that it names."
        }
        ResourceVerdict::CannotTell => {
            "It can't be told: what AWS documents and what strangers can do differ, or something isn't known. Nothing is done about it without a person."
        }
        ResourceVerdict::Public => {
            "Public: by the letter of what AWS documents, and by a request that gets in."
        }
    };
    sections.push(("The verdict".to_owned(), vec![verdict.to_owned()]));
    sections
}

/// How the verdict on an identity's policies comes about.
#[must_use]
pub fn explain_identity(
    documents: &[Document],
    boundary: Option<&Document>,
    account: Option<&str>,
) -> Vec<Section> {
    let mut sections = Vec::new();
    for document in documents {
        for (place, read) in document.statements.iter().enumerate() {
            let says = match read {
                Err(why) => vec![format!("It can't be read: {why}.")],
                Ok(statement) => {
                    let mut says = vec![whole(statement)];
                    let tests = statement.tests.iter();
                    says.extend(tests.map(|t| format!("Only where {}.", words(t))));
                    says
                }
            };
            let heading = format!("Statement {}", document.name(place).unwrap_or_default());
            sections.push((heading, says));
        }
    }
    let judged = identity(documents, boundary, account);
    let ways: Vec<String> = judged
        .ways
        .iter()
        .map(|way| {
            let how = if way.certain {
                "Granted"
            } else {
                "Perhaps granted"
            };
            format!("{how}: {}.", in_words(way))
        })
        .collect();
    if !ways.is_empty() {
        sections.push(("Ways to all rights".to_owned(), ways));
    }
    let verdict = serde_json::to_value(judged.verdict).unwrap_or_default();
    let verdict = verdict.as_str().unwrap_or_default().replace('_', " ");
    sections.push((
        "The verdict".to_owned(),
        vec![format!("{verdict}: {}.", judged.why)],
    ));
    sections
}

fn whole(statement: &Statement) -> String {
    let does = if statement.effect == Effect::Allow {
        "Allows"
    } else {
        "Denies"
    };
    let named = |who: &[(String, String)]| {
        let names: Vec<String> = who.iter().map(|(_, name)| name.clone()).collect();
        few(&names, SHOWN)
    };
    let who = match &statement.who {
        Who::These(who) if who.is_empty() => " nobody".to_owned(),
        who if who.is_everybody() => " everybody".to_owned(),
        Who::These(who) => format!(" {}", named(who)),
        Who::AllBut(who) => format!(" everybody but {}", named(who)),
        Who::Unsaid => String::new(),
    };
    let actions = match &statement.actions {
        Listed::Only(all) => few(all, SHOWN),
        Listed::AllBut(all) => format!("every action but {}", few(all, SHOWN)),
        Listed::Unsaid => "nothing".to_owned(),
    };
    let on = match &statement.resources {
        Listed::Only(all) => format!(" on {}", few(all, SHOWN)),
        Listed::AllBut(all) => format!(" on everything but {}", few(all, SHOWN)),
        Listed::Unsaid => String::new(),
    };
    format!("{does}{who} {actions}{on}.")
}

fn words(test: &Test) -> String {
    let operator = test.operator;
    let verb = match (operator.base, operator.negated) {
        (Base::Null, _) => {
            let absent = test.values.iter().any(|v| v.eq_ignore_ascii_case("true"));
            let is = if absent { "is missing" } else { "is there" };
            return format!("{} {is}", brief(&test.key));
        }
        (Base::Like | Base::Arn, false) => "is like",
        (Base::Like | Base::Arn, true) => "isn't like",
        (Base::Ip, false) => "is in",
        (Base::Ip, true) => "isn't in",
        (Base::Number(_) | Base::Date(_), false) => "compares with",
        (_, false) => "is",
        (_, true) => "isn't",
    };
    let quantifier = match operator.quantifier {
        Some(Quantifier::All) => "every value of ",
        Some(Quantifier::Any) => "a value of ",
        None => "",
    };
    let missing = if operator.if_exists {
        ", or is missing"
    } else {
        ""
    };
    let values = few(&test.values, SHOWN).replace(", ", " or ");
    format!("{quantifier}{} {verb} {values}{missing}", brief(&test.key))
}

fn test(test: &Test, statement: &Statement, document: &Document, situation: &Situation) -> String {
    let pin = if statement.effect == Effect::Allow {
        Pin::of_allow(test, statement.asks_for(&test.key), document.version)
    } else {
        Pin::of_deny(test, document.version)
    };
    let only = if statement.effect == Effect::Allow {
        "Only where"
    } else {
        "Where"
    };
    let Some(pin) = pin else {
        return format!(
            "{only} {}: that names nobody, and limits nobody.",
            words(test)
        );
    };
    let (letter, fact) = (pin.is_fixed(situation), pin.keeps_out(situation));
    let why = match (letter, fact) {
        (true, true) => "AWS documents it as a limit, and no stranger can fulfil it".to_owned(),
        (false, true) => "no stranger can fulfil it, though AWS documents only fixed values of certain keys as a limit".to_owned(),
        (true, false) => "AWS documents it as a limit, but strangers may fulfil it".to_owned(),
        (false, false) if test.operator.holds_absent(&test.values) && statement.effect == Effect::Allow => {
            "whoever comes without the key is let through".to_owned()
        }
        (false, false) if statement.effect == Effect::Deny => {
            "whoever comes without the key, or with another value, isn't denied".to_owned()
        }
        (false, false) => match tells(&test.key) {
            Tells::Anybody => "whoever calls can bring that about, or it tells of the resource".to_owned(),
            Tells::Unknown => "nobody knows that key".to_owned(),
            _ => "its values leave open who".to_owned(),
        },
    };
    format!("{only} {}: {why}.", words(test))
}

fn follows(stand: Stand) -> String {
    match stand {
        Stand::Nobody => "So it lets nobody in.".to_owned(),
        Stand::Inside => "So it lets in only its own, or whom nobody calls a stranger.".to_owned(),
        Stand::Foreign(who) => format!("So it lets {} in, who is foreign.", few(&who, SHOWN)),
        Stand::CannotTell(why) | Stand::PerhapsForeign(why) => {
            format!("So it can't be told: {why}.")
        }
        Stand::Public(who, request) => format!("So it lets {who} in: {}.", shown(&request)),
    }
}

/// A request that gets in, with what of it isn't as usual.
fn shown(request: &Request) -> String {
    let caller = match &request.caller {
        Caller::Anonymous => "somebody without credentials".to_owned(),
        Caller::Signed(arn) => format!("a stranger's {}", brief(arn)),
        Caller::Service(name) => format!("{} on a stranger's behalf", brief(name)),
        Caller::Federated(provider) => format!("somebody with an account at {}", brief(provider)),
    };
    let usual = [
        "aws:securetransport",
        "aws:currenttime",
        "aws:epochtime",
        "aws:requestedregion",
        "aws:useragent",
        "aws:viaawsservice",
        "aws:userid",
        "aws:principaltype",
        "aws:sourceip",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:username",
        "aws:principalisawsservice",
        "kms:calleraccount",
        "aws:resourceaccount",
    ];
    let with: Vec<String> = request
        .context
        .iter()
        .filter(|(key, _)| !usual.contains(&key.as_str()))
        .map(|(key, values)| format!("{} {}", brief(key), few(values, SHOWN)))
        .collect();
    let with = if with.is_empty() {
        String::new()
    } else {
        format!(", with {}", with.join(" and "))
    };
    let on = if request.resource.is_empty() {
        String::new()
    } else {
        format!(" on {}", brief(&request.resource))
    };
    format!("{caller} may call {}{on}{with}", brief(&request.action))
}
