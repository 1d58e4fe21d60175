//! What a crash left open, and the records of what nobody looked at.

use undrift_aws::journal::post::Thread;
use undrift_core::kind::ResourceRef;
use undrift_core::name::ResourceId;
use undrift_core::record::{Outcome, OutcomeKind};
use undrift_engine::port::{Claimed, Journal};

use crate::support::Table;
use crate::{claim, closing, later, now, release, testing};

#[tokio::test]
async fn what_a_crash_left_open_is_found_and_nothing_else() {
    let table = Table::new().await;
    let journal = &table.journal;
    let left = |at| async move {
        let mut open = journal.left_open(at).await.unwrap();
        open.sort();
        open
    };
    // More than one resource, in all shards; beside other items that have a lease.
    let mut resources: Vec<_> = (0..30)
        .map(|n| {
            let id = ResourceId::parse(&format!("sg-{n}")).unwrap();
            ResourceRef {
                id,
                ..testing::resource()
            }
        })
        .collect();
    resources.sort();
    for resource in &resources {
        let mut mine = claim(1, "a");
        mine.resource = resource.clone();
        journal.claim(&mine, None, now()).await.unwrap();
    }
    let key = testing::key("e-1");
    let thread = Thread::Incident(&key);
    journal.hold_post(thread, "sns", "me", now()).await.unwrap();
    let none: [ResourceRef; 0] = [];
    assert_eq!(left(later(25)).await, none, "their leases last");
    assert_eq!(left(later(26)).await, resources);
    // One is cleared, one taken over by somebody who lives.
    let mut close = closing();
    close.release = Some(release("a", 1));
    close.resource = resources[0].clone();
    if let Some(release) = &mut close.release {
        release.claim.resource = resources[0].clone();
    }
    journal.close(&close).await.unwrap();
    let mut taken = testing::claim(2, Some("b"), later(100));
    taken.resource = resources[1].clone();
    let won = journal.claim(&taken, Some(1), later(30)).await.unwrap();
    assert_eq!(won, Claimed::Won);
    assert_eq!(left(later(31)).await, resources[2..]);
    assert_eq!(left(later(101)).await, resources[1..]);
}

#[tokio::test]
async fn a_record_that_nobody_looked_for_does_not_keep_the_real_one_out() {
    let table = Table::new().await;
    let journal = &table.journal;
    let mut unhandled = testing::record("e-1", 1);
    unhandled.outcome = Outcome::new(OutcomeKind::Failed, "no function has handled it");
    unhandled.stages.looked = None;
    assert!(unhandled.is_unseen());
    let mut close = closing();
    close.records = vec![unhandled.clone()];
    journal.close(&close).await.unwrap();
    // A function had looked before that was written, and closes its own first revision.
    let mut close = closing();
    close.records = vec![testing::record("e-1", 1)];
    journal.close(&close).await.unwrap();
    journal.close(&close).await.unwrap();
    let key = testing::key("e-1");
    let kept = journal.record(&key).await.unwrap().unwrap();
    assert_eq!(kept, testing::record("e-1", 2));
    assert_eq!(journal.revision(&key, 1).await.unwrap(), Some(unhandled));
    assert_eq!(journal.revision(&key, 3).await.unwrap(), None);
}
