//! The scheduler: everything that happens, one thing after another, at a time of its own.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use jiff::{SignedDuration, Timestamp};

use crate::aws::Aws;
use crate::journal::Table;
use crate::scenario::{Fault, Ms, Scenario, mix};

/// Microseconds since the run's beginning.
pub(crate) type Us = i64;

pub(crate) const SECOND: Us = 1_000_000;

/// What an attempt may take before its caller gives up.
const ATTEMPT: Us = 3 * SECOND;

/// The moment of the simulated clock.
pub(crate) fn moment(at: Us) -> Timestamp {
    "2026-01-01T10:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_micros(at)
}

pub(crate) fn us(ms: Ms) -> Us {
    Us::from(ms) * 1000
}

#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// Somebody edits.
    Edit(usize),
    /// A message comes to the queue.
    Arrive(usize),
    /// Workers look at the queue.
    Poll,
    /// A call takes effect.
    Apply(u64),
    /// Its answer arrives.
    Answer(u64),
    /// Lambda ends an invocation.
    Limit(u32),
}

/// What is taken out of the engine's protections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Without {
    /// The claim is written whatever stands there.
    Condition,
    /// The second look sees what the first saw.
    SecondLook,
    /// The claim says nothing of what is about to be done.
    OpenRecord,
    /// What is held stays held, though its lease is over.
    TakeOver,
    /// What isn't visible yet is taken for gone.
    Patience,
    /// What is remembered is written over whatever stands there.
    Remembering,
}

type Act = Box<dyn FnOnce(&mut State) + Send>;

struct Call {
    invocation: u32,
    number: u32,
    act: Option<Act>,
    fault: Option<Fault>,
    answered: bool,
}

/// What is known of an invocation.
#[derive(Debug, Default, Clone)]
pub(crate) struct Life {
    pub(crate) calls: u32,
    pub(crate) dead: bool,
    /// How far its clock is off.
    pub(crate) skew: Us,
    /// When it last sent its first look, and its claim.
    pub(crate) looked: Us,
    pub(crate) claimed: Us,
    /// What its last look showed.
    pub(crate) last_look: Option<undrift_engine::port::Seen>,
}

/// A run as it stands.
pub(crate) struct State {
    pub(crate) now: Us,
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) without: Option<Without>,
    pub(crate) ahead: BTreeMap<(Us, u64), Happening>,
    ties: u64,
    calls: BTreeMap<u64, Call>,
    pub(crate) lives: BTreeMap<u32, Life>,
    /// Who is being polled.
    pub(crate) current: u32,
    pub(crate) aws: Aws,
    pub(crate) table: Table,
    /// Every event that anybody's calls made.
    pub(crate) events: Vec<undrift_core::change::Change>,
    /// What went wrong on the way.
    pub(crate) wrong: Vec<String>,
    /// What happened, for people; only where it is asked for.
    pub(crate) trace: Option<Vec<String>>,
    jitters: u64,
}

impl State {
    pub(crate) fn new(scenario: Arc<Scenario>, without: Option<Without>) -> Self {
        Self {
            now: 0,
            aws: Aws::new(scenario.subject),
            table: Table::new(scenario.subject),
            scenario,
            without,
            events: Vec::new(),
            ahead: BTreeMap::new(),
            ties: 0,
            calls: BTreeMap::new(),
            lives: BTreeMap::new(),
            current: 0,
            wrong: Vec::new(),
            trace: None,
            jitters: 0,
        }
    }

    pub(crate) fn at(&mut self, when: Us, what: Happening) {
        self.ties += 1;
        self.ahead.insert((when, self.ties), what);
    }

    /// A number from the seed that stays the same when the scenario is made smaller.
    pub(crate) fn chance(&self, a: u64, b: u64) -> u64 {
        mix(self.scenario.seed ^ mix(a.wrapping_mul(0x1000_0001) ^ mix(b)))
    }

    pub(crate) fn jitter(&mut self) -> f64 {
        self.jitters += 1;
        let bits = self.chance(77, self.jitters) >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
        let part = bits as f64 / (1_u64 << 53) as f64;
        part
    }

    pub(crate) fn tell(&mut self, what: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9.3} {}", now as f64 / 1e6, what()));
        }
    }

    pub(crate) fn life(&mut self) -> &mut Life {
        let current = self.current;
        self.lives.entry(current).or_default()
    }

    /// A call takes effect, unless something comes between. Says whom it kills.
    pub(crate) fn apply(&mut self, id: u64) -> Option<u32> {
        let call = self.calls.get_mut(&id)?;
        let (invocation, number, fault) = (call.invocation, call.number, call.fault);
        let act = call.act.take();
        let dead = self.lives.get(&invocation).is_some_and(|l| l.dead);
        // What was on the wire when its sender died arrives, or doesn't.
        if dead && self.chance(u64::from(invocation), 1000 + u64::from(number)) % 2 == 0 {
            return None;
        }
        let crash = |done: bool| {
            let mut crashes = self.scenario.crashes.iter();
            !dead
                && crashes.any(|c| c.invocation == invocation && c.call == number && c.done == done)
        };
        let (before, after) = (crash(false), crash(true));
        if before {
            return Some(invocation);
        }
        if !matches!(fault, Some(Fault::Throttled | Fault::Lost))
            && let Some(act) = act
        {
            let polled = std::mem::replace(&mut self.current, invocation);
            act(self);
            self.current = polled;
        }
        if after {
            return Some(invocation);
        }
        if fault != Some(Fault::Late) {
            let back = match fault {
                Some(Fault::Lost | Fault::AnswerLost) => ATTEMPT,
                _ => self.latency(invocation, number, 2),
            };
            self.at(self.now + back, Happening::Answer(id));
        }
        None
    }

    /// Whose answer it is.
    pub(crate) fn answer(&mut self, id: u64) -> Option<u32> {
        let call = self.calls.get_mut(&id)?;
        call.answered = true;
        Some(call.invocation)
    }

    /// A hop's time: mostly quick, sometimes not.
    fn latency(&self, invocation: u32, number: u32, hop: u64) -> Us {
        let chance = self.chance(u64::from(invocation) << 8 | hop, u64::from(number));
        let part = Us::try_from(mix(chance) % 1000).unwrap();
        match chance % 20 {
            0 => part * 1300,
            1..=3 => part * 300,
            _ => 500 + part * 30,
        }
    }

    fn register(&mut self, act: Act) -> u64 {
        let current = self.current;
        let life = self.lives.entry(current).or_default();
        let number = life.calls;
        life.calls += 1;
        let mut met = self.scenario.faults.iter();
        let fault = met.find(|m| m.invocation == current && m.call == number);
        let fault = fault.map(|m| m.fault);
        self.ties += 1;
        let id = self.ties;
        let there = match fault {
            Some(Fault::Late) => {
                self.at(self.now + ATTEMPT, Happening::Answer(id));
                ATTEMPT + self.latency(current, number, 1)
            }
            _ => self.latency(current, number, 1),
        };
        self.calls.insert(
            id,
            Call {
                invocation: current,
                number,
                act: Some(act),
                fault,
                answered: false,
            },
        );
        self.at(self.now + there, Happening::Apply(id));
        id
    }

    fn register_sleep(&mut self, time: Us) -> u64 {
        self.ties += 1;
        let id = self.ties;
        let call = Call {
            invocation: self.current,
            number: u32::MAX,
            act: None,
            fault: None,
            answered: false,
        };
        self.calls.insert(id, call);
        self.at(self.now + time.max(1), Happening::Answer(id));
        id
    }
}

/// The one simulation of a thread; runs follow each other in it.
#[derive(Clone)]
pub(crate) struct Sim(Arc<Mutex<State>>);

impl Sim {
    pub(crate) fn new(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A call: it takes effect after a while, and its answer comes after another.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let slot = Arc::new(Mutex::new(None));
        let into = Arc::clone(&slot);
        let id = self.state().register(Box::new(move |state| {
            let value = act(state);
            *into.lock().unwrap() = Some(value);
        }));
        let fault = Answered { sim: self, id }.await;
        match fault {
            Some(fault) => Err(fault),
            None => Ok(slot.lock().unwrap().take().unwrap()),
        }
    }

    pub(crate) async fn sleep(&self, time: Us) {
        let id = self.state().register_sleep(time);
        Answered { sim: self, id }.await;
    }
}

struct Answered<'s> {
    sim: &'s Sim,
    id: u64,
}

impl Future for Answered<'_> {
    type Output = Option<Fault>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Fault>> {
        let mut state = self.sim.state();
        match state.calls.get(&self.id) {
            Some(call) if call.answered => {
                let fault = call.fault;
                // One that is given up may still take effect.
                if fault != Some(Fault::Late) {
                    state.calls.remove(&self.id);
                }
                Poll::Ready(fault)
            }
            _ => Poll::Pending,
        }
    }
}
