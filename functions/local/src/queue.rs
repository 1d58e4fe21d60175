//! A queue with the semantics of SQS, in memory, and the ways its deliveries may go wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::ids::{self, Chance};

/// How a queue treats its messages.
#[derive(Debug, Clone)]
pub struct QueueOptions {
    /// How long a received message stays hidden. SQS's default is 30 s.
    pub visibility: Duration,
    /// After how many receives a message goes to the queue's dead-letter queue instead, which is
    /// called `<name>-dead`; none: never.
    pub max_receives: Option<u32>,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            visibility: Duration::from_secs(30),
            max_receives: None,
        }
    }
}

/// What may go wrong between sender and receiver. The default is nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueueFaults {
    /// Repeats the same chance; two runs with one seed and the same sends go alike.
    pub seed: u64,
    /// Each message is first visible after a time between these.
    pub delay: (Duration, Duration),
    /// The probability (0 to 1) that a message arrives a second time.
    pub duplicate: f64,
    /// The probability (0 to 1) that a message never arrives.
    pub loss: f64,
    /// Whether messages arrive in any order.
    pub reorder: bool,
}

/// A received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message's id, the same at every receive.
    pub id: String,
    /// What deletes or hides it; only the newest receive's handle works.
    pub receipt: String,
    /// The body.
    pub body: String,
    /// How often it was received, this time included.
    pub receives: u32,
    /// When it was sent, in milliseconds since 1970.
    pub sent_ms: i64,
    /// When it was received first, in milliseconds since 1970.
    pub first_received_ms: i64,
}

/// A message that was received too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message's id.
    pub id: String,
    /// The body.
    pub body: String,
    /// How often it was received.
    pub receives: u32,
}

#[derive(Debug)]
struct Message {
    id: String,
    body: String,
    sent_ms: i64,
    visible_at: Instant,
    receives: u32,
    receipt: Option<String>,
    first_received_ms: Option<i64>,
    hastened: bool,
}

impl Message {
    fn is_held(&self, holding: bool) -> bool {
        holding && self.receipt.is_some() && !self.hastened
    }
}

#[derive(Debug)]
struct State {
    messages: Vec<Message>,
    faults: QueueFaults,
    chance: Chance,
    holding: bool,
}

#[derive(Debug)]
struct Inner {
    name: String,
    arn: String,
    options: QueueOptions,
    /// Where messages go that were received too often.
    dead: Option<Queue>,
    /// It is such a place itself.
    is_dead: bool,
    state: Mutex<State>,
    changed: Notify,
}

/// A queue. Clones are the same queue.
#[derive(Debug, Clone)]
pub struct Queue(Arc<Inner>);

impl Queue {
    /// An empty queue, with an empty dead-letter queue where messages may be received too often.
    /// The ARN is only told to receivers.
    #[must_use]
    pub fn new(name: &str, arn: &str, options: QueueOptions) -> Self {
        let of_dead = |_| {
            let (name, arn) = (format!("{name}-dead"), format!("{arn}-dead"));
            Self::make(&name, &arn, QueueOptions::default(), None, true)
        };
        let dead = options.max_receives.map(of_dead);
        Self::make(name, arn, options, dead, false)
    }

    fn make(
        name: &str,
        arn: &str,
        options: QueueOptions,
        dead: Option<Self>,
        is_dead: bool,
    ) -> Self {
        let state = State {
            messages: Vec::new(),
            faults: QueueFaults::default(),
            chance: Chance::new(0),
            holding: false,
        };
        let (name, arn) = (name.to_owned(), arn.to_owned());
        Self(Arc::new(Inner {
            name,
            arn,
            options,
            dead,
            is_dead,
            state: Mutex::new(state),
            changed: Notify::new(),
        }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.0.arn
    }

    /// The queue that its messages go to when they were received too often.
    #[must_use]
    pub fn dead(&self) -> Option<&Self> {
        self.0.dead.as_ref()
    }

    /// It is another queue's dead-letter queue: nobody works on what lies there.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.0.is_dead
    }

    /// Its options.
    #[must_use]
    pub fn options(&self) -> &QueueOptions {
        &self.0.options
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on deliveries go wrong like this. Messages already sent are not affected, but by the order.
    pub fn set_faults(&self, faults: QueueFaults) {
        let mut state = self.state();
        state.chance = Chance::new(faults.seed);
        state.faults = faults;
    }

    /// Sends a message; the answer is its id, also for one that is lost.
    #[expect(clippy::must_use_candidate, reason = "it is called for its effect")]
    pub fn send(&self, body: &str) -> String {
        self.send_later(body, Duration::ZERO)
    }

    /// As [`Self::send`]; it is delivered after `wait`.
    #[expect(clippy::must_use_candidate, reason = "few need the message's id")]
    pub fn send_later(&self, body: &str, wait: Duration) -> String {
        let id = ids::uuid();
        let mut state = self.state();
        let faults = state.faults.clone();
        if state.chance.happens(faults.loss) {
            return id;
        }
        let copies = if state.chance.happens(faults.duplicate) {
            2
        } else {
            1
        };
        for copy in 0..copies {
            let (least, most) = faults.delay;
            let spread = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
            let delay = least + Duration::from_micros(state.chance.below(spread.saturating_add(1)));
            let message = Message {
                id: if copy == 0 { id.clone() } else { ids::uuid() },
                body: body.to_owned(),
                sent_ms: now_ms(),
                visible_at: Instant::now() + wait + delay,
                receives: 0,
                receipt: None,
                first_received_ms: None,
                hastened: false,
            };
            let length = u64::try_from(state.messages.len()).unwrap_or(u64::MAX);
            let at = if faults.reorder {
                state.chance.below(length.saturating_add(1))
            } else {
                length
            };
            let at = usize::try_from(at)
                .unwrap_or(usize::MAX)
                .min(state.messages.len());
            state.messages.insert(at, message);
        }
        drop(state);
        self.0.changed.notify_waiters();
        id
    }

    /// Receives up to `max` messages, waiting up to `wait` for the first.
    pub async fn receive(&self, max: usize, wait: Duration) -> Vec<Delivery> {
        self.receive_for(max, wait, self.0.options.visibility).await
    }

    /// As [`Self::receive`]; they stay hidden for `visibility` instead of the queue's own time.
    pub async fn receive_for(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Vec<Delivery> {
        let until = Instant::now() + wait;
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            // Registered before looking, so that a send in between is not missed.
            changed.as_mut().enable();
            let taken = self.take(max, visibility);
            let now = Instant::now();
            if !taken.is_empty() || now >= until {
                return taken;
            }
            let wake = self.next_visible().map_or(until, |next| next.min(until));
            tokio::select! {
                () = &mut changed => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    fn next_visible(&self) -> Option<Instant> {
        let state = self.state();
        let mut free = Vec::from_iter(&state.messages);
        free.retain(|message| !message.is_held(state.holding));
        free.iter().map(|message| message.visible_at).min()
    }

    /// While it holds, what was received once stays hidden past its time, until [`Self::hasten`].
    pub fn hold(&self, holding: bool) {
        self.state().holding = holding;
        self.0.changed.notify_waiters();
    }

    /// Makes the hidden messages visible now whose body a predicate picks, held ones too; the answer is how many.
    pub fn hasten(&self, is_it: impl Fn(&str) -> bool) -> usize {
        let now = Instant::now();
        let mut state = self.state();
        let mut count = 0;
        for message in &mut state.messages {
            if message.receipt.is_some() && is_it(&message.body) {
                message.visible_at = message.visible_at.min(now);
                message.hastened = true;
                count += 1;
            }
        }
        drop(state);
        self.0.changed.notify_waiters();
        count
    }

    fn take(&self, max: usize, visibility: Duration) -> Vec<Delivery> {
        let now = Instant::now();
        let mut state = self.state();
        let state = &mut *state;
        let mut taken = Vec::new();
        let limit = self.0.options.max_receives;
        let mut at = 0;
        while taken.len() < max {
            let Some(message) = state.messages.get_mut(at) else {
                break;
            };
            if message.visible_at > now || message.is_held(state.holding) {
                at += 1;
                continue;
            }
            if limit.is_some_and(|limit| message.receives >= limit) {
                let message = state.messages.remove(at);
                if let Some(dead) = &self.0.dead {
                    dead.bury(message);
                }
                continue;
            }
            let receipt = ids::uuid();
            message.receives += 1;
            message.hastened = false;
            message.receipt = Some(receipt.clone());
            message.visible_at = now + visibility;
            let first_received_ms = *message.first_received_ms.get_or_insert_with(now_ms);
            taken.push(Delivery {
                id: message.id.clone(),
                receipt,
                body: message.body.clone(),
                receives: message.receives,
                sent_ms: message.sent_ms,
                first_received_ms,
            });
            at += 1;
        }
        taken
    }

    /// Takes a message over from a queue where it was received too often. It keeps its id, its time
    /// and the count of its receives (SQS Developer Guide, "Using dead-letter queues").
    fn bury(&self, message: Message) {
        let shown = Message {
            receipt: None,
            visible_at: Instant::now(),
            ..message
        };
        self.state().messages.push(shown);
        self.0.changed.notify_waiters();
    }

    /// Deletes a message; false if the handle is not its newest or it is gone.
    #[expect(clippy::must_use_candidate, reason = "it is called for its effect")]
    pub fn delete(&self, receipt: &str) -> bool {
        let mut state = self.state();
        let before = state.messages.len();
        state
            .messages
            .retain(|message| message.receipt.as_deref() != Some(receipt));
        let deleted = state.messages.len() < before;
        drop(state);
        self.0.changed.notify_waiters();
        deleted
    }

    /// Hides a received message for a new time from now; false as for [`Self::delete`].
    #[expect(clippy::must_use_candidate, reason = "it is called for its effect")]
    pub fn change_visibility(&self, receipt: &str, visibility: Duration) -> bool {
        let mut state = self.state();
        let found = state
            .messages
            .iter_mut()
            .find(|message| message.receipt.as_deref() == Some(receipt));
        let Some(message) = found else { return false };
        message.visible_at = Instant::now() + visibility;
        drop(state);
        self.0.changed.notify_waiters();
        true
    }

    /// How many messages wait, and how many are received and not yet deleted.
    #[must_use]
    pub fn depth(&self) -> (usize, usize) {
        let now = Instant::now();
        let state = self.state();
        let holding = state.holding;
        let hidden = |message: &&Message| {
            message.receipt.is_some() && (message.visible_at > now || message.is_held(holding))
        };
        let in_flight = state.messages.iter().filter(hidden).count();
        (state.messages.len() - in_flight, in_flight)
    }

    /// Whether nothing waits and nothing is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state().messages.is_empty()
    }

    /// The messages that were received too often.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        let Some(dead) = &self.0.dead else {
            return Vec::new();
        };
        let state = dead.state();
        let letters = state.messages.iter().map(|message| DeadLetter {
            id: message.id.clone(),
            body: message.body.clone(),
            receives: message.receives,
        });
        letters.collect()
    }

    /// Puts the dead letters back as new messages; the answer is how many.
    #[expect(clippy::must_use_candidate, reason = "it is called for its effect")]
    pub fn redrive(&self) -> usize {
        let dead = self.0.dead.as_ref();
        let letters = dead.map(|dead| std::mem::take(&mut dead.state().messages));
        let letters = letters.unwrap_or_default();
        for letter in &letters {
            self.send(&letter.body);
        }
        letters.len()
    }

    /// Empties it, dead letters included, and ends its faults.
    pub fn purge(&self) {
        let mut state = self.state();
        state.messages.clear();
        state.faults = QueueFaults::default();
        state.holding = false;
        drop(state);
        if let Some(dead) = &self.0.dead {
            dead.purge();
        }
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests;
