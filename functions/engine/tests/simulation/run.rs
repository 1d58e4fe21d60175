//! One run: the queue, the functions that work on it, and time.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use jiff::SignedDuration;
use undrift_core::kind::{Kind, Kinds};
use undrift_core::name::Arn;
use undrift_core::policy::{Bundle, Exemptions, Mode, Policy, Settings};
use undrift_core::record::Worker;
use undrift_engine::{Disposition, Engine, SETTLES_AFTER};

use crate::aws::ROLE;
use crate::scenario::{Scenario, Subject};
use crate::sim::{Happening, SECOND, Sim, State, Us, Without, moment, us};

/// How long a message stays invisible that a function has taken.
const VISIBILITY: Us = 180 * SECOND;
/// How long a function may work, and when Lambda ends it.
const DEADLINE: Us = 20 * SECOND;
const LIMIT: Us = 30 * SECOND;
/// Nothing takes longer, or it never ends.
const LONGEST: Us = 7200 * SECOND;

type Sims = Engine<'static, Sim, Sim, Sim, Sim>;

/// The engine of a thread, and what it works on.
pub(crate) struct House {
    sim: Sim,
    engine: Sims,
    without: Option<Without>,
}

fn policies() -> [Policy; 3] {
    let group = |id: &str, ports: [u16; 2]| {
        serde_json::json!({
            "schema": "policy/v1", "id": id, "title": "Open", "severity": "critical", "why": "w",
            "kind": "ec2/security-group", "params": {"ports": ports},
            "on": {"ec2.amazonaws.com": ["AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules"]},
            "violation": "net.open(state.ingress, params)", "remedy": "restore", "mode": "revert"
        })
    };
    let document = serde_json::json!({
        "schema": "policy/v1", "id": "s3-bucket-policy-public", "title": "Public",
        "severity": "critical", "why": "w", "kind": "s3/bucket",
        "on": {"s3.amazonaws.com": ["PutBucketPolicy"]}, "params": {},
        "violation": "iam.public(state.policy, params)", "remedy": "restore", "mode": "revert"
    });
    // Two policies watch one resource, and one port is both's.
    let admin = group("ec2-security-group-open-admin-ports", [22, 3389]);
    let database = group("ec2-security-group-open-database-ports", [5432, 22]);
    [admin, database, document].map(|p| serde_json::from_value(p).unwrap())
}

impl House {
    /// An engine, with one of its protections taken out.
    pub(crate) fn new(without: Option<Without>) -> Self {
        static ALL: LazyLock<Vec<&'static dyn Kind>> =
            LazyLock::new(|| [undrift_ec2::kinds(), undrift_s3::kinds()].concat());
        let kinds = Kinds(&ALL);
        let settings = Settings {
            deployment: Some(Mode::Revert),
            ..Settings::default()
        };
        let bundle = Bundle::of(&policies(), &settings, &Exemptions::default(), kinds).unwrap();
        let nothing = Arc::new(Scenario {
            edits: Vec::new(),
            subject: Subject::Group,
            ..Scenario::of(0)
        });
        let sim = Sim::new(State::new(nothing, None));
        let settles_after = match without {
            Some(Without::Patience) => SignedDuration::ZERO,
            _ => SETTLES_AFTER,
        };
        let engine = Engine {
            cloud: sim.clone(),
            journal: sim.clone(),
            switch: sim.clone(),
            clock: sim.clone(),
            kinds,
            worker: Worker {
                function: "undrift-ec2".into(),
                role: Arn::parse(ROLE).unwrap(),
                version: "0".into(),
                bundle: bundle.digest.clone(),
            },
            bundle,
            own_roles: vec![Arn::parse(ROLE).unwrap()],
            cap_limit: 1000,
            settles_after,
        };
        Self {
            sim,
            engine,
            without,
        }
    }

    /// What is wrong at a run's end.
    pub(crate) fn wrong(&self, scenario: &Scenario) -> Vec<String> {
        self.run(scenario, false).wrong
    }

    /// The run in lines, and what is wrong at its end.
    pub(crate) fn told(&self, scenario: &Scenario) -> String {
        let end = self.run(scenario, true);
        format!("{}\n{}", end.trace.join("\n"), end.wrong.join("\n"))
    }

    pub(crate) fn run(&self, scenario: &Scenario, told: bool) -> End {
        let mut state = State::new(Arc::new(scenario.clone()), self.without);
        if told {
            state.trace = Some(Vec::new());
        }
        for (n, edit) in scenario.edits.iter().enumerate() {
            state.at(us(edit.at), Happening::Edit(n));
        }
        *self.sim.state() = state;
        let mut run = Run {
            house: self,
            messages: Vec::new(),
            working: BTreeMap::new(),
            begun: 0,
        };
        let ended = run.to_the_end();
        let mut state = self.sim.state();
        if !ended {
            state.wrong.push("it never ends".to_owned());
        }
        let mut wrong = std::mem::take(&mut state.wrong);
        wrong.extend(crate::model::wrong(&state));
        End {
            wrong,
            trace: state.trace.take().unwrap_or_default(),
            calls: state.lives.values().map(|l| u64::from(l.calls)).sum(),
            died: state.lives.values().map(|l| u64::from(l.dead)).sum(),
        }
    }
}

/// What a run came to.
pub(crate) struct End {
    pub(crate) wrong: Vec<String>,
    pub(crate) trace: Vec<String>,
    pub(crate) calls: u64,
    pub(crate) died: u64,
}

struct Message {
    /// Its place among all events.
    event: usize,
    visible: Us,
    deleted: bool,
    /// Who has it.
    taken: Option<u32>,
}

struct Invocation<'h> {
    work: Pin<Box<dyn Future<Output = Vec<Disposition>> + 'h>>,
    messages: Vec<usize>,
}

struct Run<'h> {
    house: &'h House,
    messages: Vec<Message>,
    working: BTreeMap<u32, Invocation<'h>>,
    begun: u32,
}

impl Run<'_> {
    /// False: it doesn't end.
    fn to_the_end(&mut self) -> bool {
        for _ in 0..100_000 {
            let next = {
                let mut state = self.house.sim.state();
                let next = state.ahead.pop_first();
                if let Some(((at, _), _)) = &next {
                    state.now = *at;
                }
                next
            };
            let Some(((at, _), happening)) = next else {
                return self.messages.iter().all(|m| m.deleted);
            };
            if at > LONGEST {
                return false;
            }
            self.happen(happening);
        }
        false
    }

    fn happen(&mut self, happening: Happening) {
        let sim = &self.house.sim;
        match happening {
            Happening::Edit(n) => {
                let mut state = sim.state();
                let (now, edit) = (state.now, state.scenario.edits[n].clone());
                let done = state.aws.edit(now, n, &edit.what);
                state.tell(|| {
                    format!(
                        "e{n} {:?}{}",
                        edit.what,
                        if done { "" } else { ": refused" }
                    )
                });
                if done {
                    let change = state.aws.events[&n].clone();
                    state.events.push(change);
                    let event = state.events.len() - 1;
                    for after in edit.told {
                        state.at(now + us(after), Happening::Arrive(event));
                    }
                }
            }
            Happening::Arrive(event) => {
                let now = sim.state().now;
                self.messages.push(Message {
                    event,
                    visible: now,
                    deleted: false,
                    taken: None,
                });
                self.poll_queue();
            }
            Happening::Poll => self.poll_queue(),
            Happening::Apply(call) => {
                let killed = sim.state().apply(call);
                if let Some(invocation) = killed {
                    self.kill(invocation, "dies");
                }
            }
            Happening::Answer(call) => {
                let whose = sim.state().answer(call);
                if let Some(invocation) = whose {
                    self.go_on(invocation);
                }
            }
            Happening::Limit(invocation) => self.kill(invocation, "is ended by Lambda"),
        }
    }

    fn kill(&mut self, invocation: u32, how: &str) {
        if let Some(dead) = self.working.remove(&invocation) {
            let mut state = self.house.sim.state();
            state.tell(|| format!("   #{invocation} {how}"));
            state.lives.entry(invocation).or_default().dead = true;
            drop(state);
            for message in dead.messages {
                self.messages[message].taken = None;
            }
            self.poll_queue();
        }
    }

    fn poll_queue(&mut self) {
        let (now, workers, batch) = {
            let state = self.house.sim.state();
            let s = &state.scenario;
            (state.now, s.workers as usize, s.batch)
        };
        while self.working.len() < workers {
            let visible = |m: &Message| !m.deleted && m.visible <= now;
            let all = self.messages.iter().enumerate();
            let ready: Vec<usize> = all.filter(|(_, m)| visible(m)).map(|(n, _)| n).collect();
            if ready.is_empty() {
                return;
            }
            let ready: Vec<usize> = ready.into_iter().take(batch).collect();
            self.begin(ready, now);
        }
    }

    fn begin(&mut self, messages: Vec<usize>, now: Us) {
        let id = self.begun;
        self.begun += 1;
        let mut state = self.house.sim.state();
        let skew = i64::try_from(state.chance(u64::from(id), 9) % 400_000).unwrap() - 200_000;
        state.lives.entry(id).or_default().skew = skew;
        let events: Vec<_> = messages
            .iter()
            .map(|m| state.events[self.messages[*m].event].clone())
            .collect();
        state.tell(|| {
            let names: Vec<_> = events.iter().map(|e| e.id.to_string()).collect();
            format!("   #{id} takes {}", names.join(", "))
        });
        state.at(now + LIMIT, Happening::Limit(id));
        state.at(now + VISIBILITY, Happening::Poll);
        drop(state);
        for message in &messages {
            self.messages[*message].visible = now + VISIBILITY;
            self.messages[*message].taken = Some(id);
        }
        let deadline = moment(now + skew) + SignedDuration::from_micros(DEADLINE);
        let work = Box::pin(self.house.engine.handle(events, deadline));
        self.working.insert(id, Invocation { work, messages });
        self.go_on(id);
    }

    fn go_on(&mut self, id: u32) {
        let Some(invocation) = self.working.get_mut(&id) else {
            return;
        };
        self.house.sim.state().current = id;
        let ended = invocation
            .work
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(dispositions) = ended else {
            return;
        };
        let invocation = self.working.remove(&id).unwrap();
        let mut state = self.house.sim.state();
        let now = state.now;
        for (message, disposition) in invocation.messages.iter().zip(dispositions) {
            let message = &mut self.messages[*message];
            let event = state.events[message.event].id.to_string();
            if message.taken != Some(id) {
                continue;
            }
            match disposition {
                Disposition::Done => {
                    message.deleted = true;
                    state.tell(|| format!("   #{id} is done with {event}"));
                }
                Disposition::Retry { after, why } => {
                    let after = i64::try_from(after.as_micros()).unwrap();
                    message.visible = now + after;
                    state.at(now + after, Happening::Poll);
                    state.tell(|| {
                        format!("   #{id} puts {event} off by {} s: {why}", after / SECOND)
                    });
                }
            }
        }
        drop(state);
        self.poll_queue();
    }
}
