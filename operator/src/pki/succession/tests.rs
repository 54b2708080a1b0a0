use std::collections::BTreeSet;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const PACE: Pace = Pace {
    max_age: Duration::from_secs(365 * 24 * 60 * 60),
    announce: DAY,
    overlap: Duration::from_secs(90 * 24 * 60 * 60),
};

fn now() -> SystemTime {
    // The Secret keeps whole seconds.
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn data(succession: &Succession) -> BTreeMap<String, SecretBytes> {
    let held = succession.data().into_iter();
    held.filter_map(|(key, value)| Some((key.to_owned(), SecretBytes::copy_of(value?.expose().as_bytes()))))
        .collect()
}

fn text(succession: &Succession) -> Vec<(&'static str, Option<String>)> {
    let held = succession.data().into_iter();
    held.map(|(key, value)| (key, value.map(|value| value.expose().to_owned())))
        .collect()
}

/// Each stage of the first rotation, from the first CA to the second alone.
fn stages() -> [Succession; 4] {
    let settled = Succession::found(now()).unwrap();
    let announced = settled.next(now()).unwrap();
    let overlap = announced.next(now() + DAY).unwrap();
    let over = overlap.next(now() + 2 * DAY).unwrap();
    [settled, announced, overlap, over]
}

#[test]
fn each_stage_reads_back_as_it_was_written() {
    for stage in stages() {
        let read = Succession::parse(data(&stage)).unwrap();
        assert_eq!(text(&read), text(&stage));
        assert_eq!(read.progress(&PACE).unwrap(), stage.progress(&PACE).unwrap());
    }
}

#[test]
fn the_bundle_goes_from_one_to_both_to_the_other() {
    let bundles = stages().map(|stage| stage.trusted.clone());
    let (first, second) = (&bundles[0][0], &bundles[3][0]);
    assert_ne!(first, second);
    assert_eq!(bundles[1], [first.clone(), second.clone()]);
    assert_eq!(bundles[2], [second.clone(), first.clone()]);
    assert_eq!((bundles[0].len(), bundles[3].len()), (1, 1));
}

#[test]
fn the_old_key_is_gone_as_soon_as_the_new_one_signs() {
    let [settled, announced, overlap, over] = stages();
    let old = settled.key.expose();
    let holds = |stage: &Succession| {
        let values = text(stage).into_iter().filter_map(|(_, value)| value);
        values.collect::<BTreeSet<_>>().contains(old)
    };
    assert!(holds(&announced));
    assert!(!holds(&overlap) && !holds(&over));
}

#[test]
fn a_step_is_due_when_its_time_has_come_and_not_before() {
    let [settled, announced, overlap, over] = stages();
    let second = Duration::from_secs(1);
    let cases = [
        (&settled, now() + PACE.max_age),
        (&announced, now() + DAY),
        (&overlap, now() + DAY + PACE.overlap),
        (&over, now() + PACE.max_age),
    ];
    for (stage, due) in cases {
        assert!(!stage.is_due(due - second, &PACE).unwrap());
        assert!(stage.is_due(due, &PACE).unwrap());
        assert!(
            !stage.is_due(now() - 400 * DAY, &PACE).unwrap(),
            "a clock that went back"
        );
    }
}

#[test]
fn certificates_that_somebody_added_are_never_dropped() {
    let added = Succession::found(now()).unwrap().trusted.remove(0);
    let mut stage = Succession::found(now()).unwrap();
    stage.trusted.push(added.clone());
    for _ in 0..6 {
        stage = Succession::parse(data(&stage.next(now()).unwrap())).unwrap();
        assert_eq!(stage.trusted.last(), Some(&added));
    }
    assert_eq!(stage.trusted.len(), 2);
}

#[test]
fn what_leads_to_earlier_authorities_is_bounded() {
    let mut stage = Succession::found(now()).unwrap();
    for _ in 0..3 * (CROSSED + 2) {
        stage = stage.next(now()).unwrap();
    }
    assert_eq!(stage.crossed.len(), usize::from(CROSSED));
}

#[test]
fn anything_but_one_whole_stage_is_refused() {
    let [settled, announced, overlap, _] = stages();
    let garbage = [&b""[..], b"\xff", b"garbage", settled.key.expose().as_bytes()];
    for (stage, keys) in [
        (&settled, &[BUNDLE, KEY][..]),
        (&announced, &[BUNDLE, KEY, NEXT_KEY, SINCE]),
        (&overlap, &[BUNDLE, KEY, SINCE]),
    ] {
        for key in keys {
            let refused = |change: &dyn Fn(&mut BTreeMap<String, SecretBytes>)| {
                let mut data = data(stage);
                change(&mut data);
                assert!(
                    matches!(Succession::parse(data), Err(PkiError::Authority)),
                    "{key}"
                );
            };
            if (*key, stage.successor().unwrap().is_some()) != (NEXT_KEY, true) {
                // Without the next key an announcement reads as an overlap of the same two, in which nothing is lost.
                if *key != SINCE || stage.successor().unwrap().is_some() {
                    refused(&|data| drop(data.remove(*key)));
                }
            }
            for garbage in garbage {
                if !(*key == KEY && garbage == settled.key.expose().as_bytes()) {
                    refused(&|data| drop(data.insert((*key).to_owned(), SecretBytes::copy_of(garbage))));
                }
            }
        }
    }
}

#[test]
fn progress_is_told_in_a_sentence() {
    let told = stages().map(|stage| stage.progress(&PACE).unwrap().to_string());
    assert!(told[0].contains("no rotation is under way"));
    assert!(
        told[1].contains("step 1 of 2") && told[1].ends_with("2027-01-16T08:00:00Z"),
        "{}",
        told[1]
    );
    assert!(
        told[2].contains("step 2 of 2") && told[2].ends_with("2027-04-16T08:00:00Z"),
        "{}",
        told[2]
    );
}
