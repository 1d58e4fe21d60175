//! Where the demo speaks: wrapped to the terminal's width, unhurried unless asked.

use std::time::Duration;

use anstyle::{AnsiColor, Style};

use crate::ending::Failure;
use crate::shell::{BAD, FAINT, GOOD, Shell};
use crate::wrap::{width, wrap};

pub(super) const STRONG: Style = Style::new().bold();
const TIME: Style = AnsiColor::Cyan.on_default();

/// The demo's voice.
#[derive(Debug)]
pub(crate) struct Stage<'s> {
    shell: &'s Shell,
    width: usize,
    hurry: bool,
    wrong: usize,
}

impl<'s> Stage<'s> {
    /// As wide as the terminal, with pauses to read in unless in a hurry.
    pub(crate) fn new(shell: &'s Shell, hurry: bool) -> Self {
        Self {
            shell,
            width: width(),
            hurry,
            wrong: 0,
        }
    }

    pub(crate) fn is_hurried(&self) -> bool {
        self.hurry
    }

    /// Time to read what was said.
    pub(crate) async fn pause(&self, seconds: f64) {
        if !self.hurry {
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        }
    }

    /// The title of a scene.
    pub(crate) fn title(&self, text: &str) -> Result<(), Failure> {
        self.shell.line("")?;
        self.paragraph("", text, STRONG)
    }

    /// A paragraph.
    pub(crate) fn say(&self, text: &str) -> Result<(), Failure> {
        self.paragraph("  ", text, Style::new())
    }

    /// Something less important.
    pub(crate) fn whisper(&self, text: &str) -> Result<(), Failure> {
        self.paragraph("  ", text, FAINT)
    }

    /// A line of the story's clock.
    pub(crate) fn clock(&self, time: &str, text: &str) -> Result<(), Failure> {
        let mut lines = wrap(text, self.width.saturating_sub(9)).into_iter();
        let first = lines.next().unwrap_or_default();
        self.shell
            .line(format!("  {TIME}{time:<5}{TIME:#}  {first}"))?;
        lines.try_for_each(|line| self.shell.line(format!("         {line}")))
    }

    /// A row of the sum.
    pub(crate) fn row(&self, whose: &str, count: &str, text: &str) -> Result<(), Failure> {
        const INDENT: usize = 27;
        let mut lines = wrap(text, self.width.saturating_sub(INDENT + 1)).into_iter();
        let first = lines.next().unwrap_or_default();
        let whose = format!("{STRONG}{whose:<11}{STRONG:#}");
        self.shell
            .line(format!("  {whose}{TIME}{count:<13}{TIME:#} {first}"))?;
        lines.try_for_each(|line| self.shell.line(format!("{:INDENT$}{line}", "")))
    }

    /// What somebody types.
    pub(crate) fn command(&self, who: &str, command: &str) -> Result<(), Failure> {
        let indent = who.len() + 4;
        let mut lines = wrap(command, self.width.saturating_sub(indent + 2)).into_iter();
        let first = lines.next().unwrap_or_default();
        self.shell
            .line(format!("  {STRONG}{who}{STRONG:#}> {first}"))?;
        lines.try_for_each(|line| self.shell.line(format!("{:indent$}{line}", "")))
    }

    /// Lines with a bar beside them; long ones are wrapped.
    pub(crate) fn card(&self, lines: &[(Style, String)]) -> Result<(), Failure> {
        for (style, line) in lines {
            let width = self.width.saturating_sub(5);
            // What fits keeps its columns.
            let parts = if line.chars().count() <= width {
                vec![line.clone()]
            } else {
                wrap(line, width)
            };
            for part in parts {
                let bar = format!("  {FAINT}│{FAINT:#}");
                self.shell.line(format!("{bar} {style}{part}{style:#}"))?;
            }
        }
        Ok(())
    }

    /// A question of the record with its answer.
    pub(crate) fn answer(&self, question: &str, answer: &str) -> Result<(), Failure> {
        self.paragraph("  ", question, FAINT)?;
        self.paragraph("    ", answer, Style::new())
    }

    /// Something that was seen in the account, right or wrong.
    pub(crate) fn seen(&mut self, right: bool, text: &str) -> Result<(), Failure> {
        let (style, mark) = if right {
            (GOOD, "✓")
        } else {
            self.wrong += 1;
            (BAD, "✗")
        };
        let mut lines = wrap(text, self.width.saturating_sub(6)).into_iter();
        let first = lines.next().unwrap_or_default();
        self.shell
            .line(format!("  {style}{mark}{style:#} {first}"))?;
        lines.try_for_each(|line| self.shell.line(format!("    {line}")))
    }

    /// How much was not as it should be.
    pub(crate) fn wrong(&self) -> usize {
        self.wrong
    }

    fn paragraph(&self, indent: &str, text: &str, style: Style) -> Result<(), Failure> {
        wrap(text, self.width.saturating_sub(indent.len() + 1))
            .into_iter()
            .try_for_each(|line| self.shell.line(format!("{indent}{style}{line}{style:#}")))
    }
}
