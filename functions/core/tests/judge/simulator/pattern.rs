//! Patterns, and what variables in them stand for.

use std::iter::once;

use super::Call;

/// One piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Many,
    One,
    Char(char),
}

pub(super) fn piece(character: char) -> Piece {
    match character {
        '*' => Piece::Many,
        '?' => Piece::One,
        other => Piece::Char(other),
    }
}

pub(super) fn plain(text: &str) -> Vec<Piece> {
    text.chars().map(piece).collect()
}

/// What the pattern says where wildcards do not act.
pub(super) fn literally(pattern: &[Piece]) -> String {
    let character = |piece: &Piece| match piece {
        Piece::Many => '*',
        Piece::One => '?',
        Piece::Char(character) => *character,
    };
    pattern.iter().map(character).collect()
}

pub(super) fn glob(pattern: &[Piece], text: &str) -> bool {
    // `matched[n]`: the pieces so far match the first n characters.
    let mut matched: Vec<bool> = once(true).chain(text.chars().map(|_| false)).collect();
    for piece in pattern {
        matched = if *piece == Piece::Many {
            let mut seen = false;
            matched
                .iter()
                .map(|here| {
                    seen |= *here;
                    seen
                })
                .collect()
        } else {
            let takes = |character| *piece == Piece::One || *piece == Piece::Char(character);
            let steps = matched.iter().zip(text.chars());
            once(false)
                .chain(steps.map(|(here, character)| *here && takes(character)))
                .collect()
        };
    }
    matched.last() == Some(&true)
}

/// The pattern with its variables filled in, or nothing if one of them stands for nothing.
pub(super) fn resolve(text: &str, call: &Call, variables: bool) -> Option<Vec<Piece>> {
    let (mut pattern, mut rest) = (Vec::new(), text);
    while let Some(character) = rest.chars().next() {
        if let Some((inside, after)) = variable(rest).filter(|_| variables) {
            pattern.extend(stands_for(inside, call)?.chars().map(Piece::Char));
            rest = after;
        } else {
            pattern.push(piece(character));
            rest = rest.get(character.len_utf8()..)?;
        }
    }
    Some(pattern)
}

/// The inside of a variable the text begins with, and what follows it. A `}` in quotes does not end it.
fn variable(text: &str) -> Option<(&str, &str)> {
    let body = text.strip_prefix("${")?;
    let mut quoted = false;
    let end = body.find(|character| {
        quoted ^= character == '\'';
        character == '}' && !quoted
    })?;
    Some((body.get(..end)?, body.get(end + 1..)?))
}

fn stands_for<'a>(inside: &'a str, call: &'a Call) -> Option<&'a str> {
    if matches!(inside, "*" | "?" | "$") {
        return Some(inside);
    }
    let (key, default) = match inside.split_once(',') {
        Some((key, rest)) => (
            key,
            Some(rest.trim().strip_prefix('\'')?.strip_suffix('\'')?),
        ),
        None => (inside, None),
    };
    match values_of(key.trim(), call) {
        [] => default,
        [value] => Some(value),
        _ => None,
    }
}

pub(super) fn values_of<'a>(key: &str, call: &'a Call) -> &'a [String] {
    call.context
        .get(&key.to_lowercase())
        .map_or(&[], Vec::as_slice)
}

// Conditions.
