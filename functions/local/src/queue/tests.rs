use super::*;

fn queue(max_receives: Option<u32>) -> Queue {
    Queue::new(
        "q",
        "arn",
        QueueOptions {
            visibility: Duration::from_secs(10),
            max_receives,
        },
    )
}

#[tokio::test(start_paused = true)]
async fn a_received_message_is_hidden_until_its_time_is_over() {
    let queue = queue(None);
    queue.send("a");
    let first = queue.receive(10, Duration::ZERO).await;
    assert_eq!(first.len(), 1);
    assert!(queue.receive(10, Duration::from_secs(9)).await.is_empty());
    let again = queue.receive(10, Duration::from_secs(5)).await;
    assert_eq!((again.len(), again[0].receives), (1, 2));
    assert_eq!(again[0].id, first[0].id);
    assert!(
        !queue.delete(&first[0].receipt),
        "an old handle deletes nothing"
    );
    assert!(queue.delete(&again[0].receipt));
    assert!(queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn visibility_can_be_changed_both_ways() {
    let queue = queue(None);
    queue.send("a");
    let first = queue.receive(1, Duration::ZERO).await;
    assert!(queue.change_visibility(&first[0].receipt, Duration::ZERO));
    let second = queue.receive(1, Duration::ZERO).await;
    assert_eq!(second[0].receives, 2);
    assert!(queue.change_visibility(&second[0].receipt, Duration::from_secs(100)));
    assert!(queue.receive(1, Duration::from_secs(99)).await.is_empty());
    assert_eq!(queue.receive(1, Duration::from_secs(2)).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_comes_when_it_is_hastened() {
    let queue = queue(None);
    queue.hold(true);
    queue.send("a");
    queue.send("b");
    assert_eq!(queue.receive(10, Duration::ZERO).await.len(), 2);
    let long = Duration::from_mins(1);
    assert!(queue.receive(10, long).await.is_empty(), "past its time");
    assert_eq!(queue.depth(), (0, 2));
    assert_eq!(queue.hasten(|body| body == "b"), 1);
    let come = queue.receive(10, Duration::ZERO).await;
    assert_eq!((come.len(), come[0].body.as_str()), (1, "b"));
    assert!(queue.receive(10, long).await.is_empty(), "held once more");
    queue.send("c");
    assert_eq!(queue.receive(10, Duration::ZERO).await[0].body, "c");
    queue.hold(false);
    assert_eq!(queue.receive(10, long).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_received_too_often_is_a_dead_letter() {
    let queue = queue(Some(2));
    queue.send("a");
    for _ in 0..2 {
        assert_eq!(queue.receive(1, Duration::from_secs(11)).await.len(), 1);
    }
    assert!(queue.receive(1, Duration::from_secs(11)).await.is_empty());
    assert_eq!(queue.dead_letters().len(), 1);
    assert!(queue.is_empty());
    assert_eq!(queue.redrive(), 1);
    assert_eq!(queue.receive(1, Duration::ZERO).await[0].receives, 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receiver_wakes_at_a_send() {
    let queue = queue(None);
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.receive(1, Duration::from_mins(1)).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    queue.send("a");
    assert_eq!(waiting.await.expect("joined").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn faults_lose_double_delay_and_reorder() {
    let queue = queue(None);
    queue.set_faults(QueueFaults {
        loss: 1.0,
        ..QueueFaults::default()
    });
    queue.send("lost");
    assert!(queue.is_empty());
    queue.set_faults(QueueFaults {
        duplicate: 1.0,
        ..QueueFaults::default()
    });
    queue.send("twice");
    assert_eq!(queue.receive(10, Duration::ZERO).await.len(), 2);
    queue.purge();
    let late = (Duration::from_secs(2), Duration::from_secs(3));
    queue.set_faults(QueueFaults {
        delay: late,
        ..QueueFaults::default()
    });
    queue.send("late");
    assert!(queue.receive(1, Duration::from_secs(1)).await.is_empty());
    assert_eq!(queue.receive(1, Duration::from_secs(3)).await.len(), 1);
    queue.purge();
    queue.set_faults(QueueFaults {
        reorder: true,
        seed: 3,
        ..QueueFaults::default()
    });
    let sent: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    for body in &sent {
        queue.send(body);
    }
    let got: Vec<String> = queue
        .receive(20, Duration::ZERO)
        .await
        .into_iter()
        .map(|one| one.body)
        .collect();
    assert_ne!(got, sent);
    let mut sorted = got.clone();
    sorted.sort_by_key(|body| body.parse::<u32>().expect("number"));
    assert_eq!(sorted, sent);
}

/// What a receiver that deletes all it gets has seen in the end, with the most receives of any message.
fn drain(queue: &Queue, step: Duration) -> (Vec<String>, u32) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (mut seen, mut most) = (Vec::new(), 0);
        while !queue.is_empty() {
            for one in queue.receive(3, step).await {
                assert!(queue.delete(&one.receipt), "the newest handle deletes");
                assert!(!queue.delete(&one.receipt), "and only once");
                most = most.max(one.receives);
                seen.push(one.body);
            }
        }
        (seen, most)
    })
}

/// Runs inside a paused runtime, where sends may look at the clock.
fn paused<T>(act: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async { act() })
}

proptest::proptest! {
    #[test]
    fn without_loss_every_message_arrives_once_or_twice(
        seed: u64,
        count in 0_usize..40,
        duplicate in 0.0_f64..1.0,
        reorder: bool,
    ) {
        let queue = queue(None);
        queue.set_faults(QueueFaults { seed, duplicate, reorder, ..QueueFaults::default() });
        let sent: Vec<String> = (0..count).map(|at| format!("{at:03}")).collect();
        paused(|| sent.iter().for_each(|body| drop(queue.send(body))));
        let (seen, most) = drain(&queue, Duration::from_secs(1));
        let once: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!(once.into_iter().collect::<Vec<_>>(), sent.iter().collect::<Vec<_>>());
        assert!(seen.len() <= 2 * count && most <= 1);
        assert!(seen.len() == count || duplicate > 0.0);
        assert!(reorder || seen.is_sorted(), "{seen:?}");
    }

    #[test]
    fn what_arrives_was_sent_and_one_seed_goes_one_way(seed: u64, loss in 0.0_f64..1.0, count in 0_usize..40) {
        let once = || {
            let queue = queue(None);
            queue.set_faults(QueueFaults { seed, loss, duplicate: 0.3, reorder: true, ..QueueFaults::default() });
            paused(|| (0..count).for_each(|at| drop(queue.send(&at.to_string()))));
            drain(&queue, Duration::from_secs(1)).0
        };
        let seen = once();
        assert!(seen.iter().all(|body| body.parse::<usize>().is_ok_and(|at| at < count)));
        assert_eq!(seen, once());
    }

    #[test]
    fn a_message_never_deleted_is_received_as_often_as_allowed(limit in 1_u32..6, count in 1_usize..6) {
        let queue = queue(Some(limit));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            for at in 0..count {
                queue.send(&at.to_string());
            }
            let mut receives = 0;
            while !queue.is_empty() {
                let got = queue.receive(10, Duration::from_secs(5)).await;
                // While hidden, nobody else gets it.
                assert!(got.is_empty() || queue.receive(10, Duration::from_secs(4)).await.is_empty());
                receives += got.len();
            }
            assert_eq!(receives, count * limit as usize);
        });
        let dead = queue.dead_letters();
        assert_eq!(dead.len(), count);
        assert!(dead.iter().all(|letter| letter.receives == limit));
        assert_eq!(queue.redrive(), count);
        assert_eq!((queue.depth(), queue.dead_letters().len()), ((count, 0), 0));
    }
}
