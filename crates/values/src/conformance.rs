//! The suite that every [`ValueStore`] passes. A failed expectation panics with a sentence.
#![expect(clippy::expect_used, reason = "a test suite says what it expected")]

use std::collections::HashSet;

use bytes::Bytes;

use crate::{Limit, StoreError, Token, ValueStore, limits};

/// Runs the whole suite against a store, which may hold other values already.
///
/// # Panics
/// When the store does not behave as the trait says.
pub async fn run(store: &dyn ValueStore) {
    gives_back_what_was_put_in_the_order_given(store).await;
    answers_none_for_unknown_tokens(store).await;
    keeps_equal_envelopes_apart(store).await;
    takes_an_empty_batch(store).await;
    takes_the_largest_put(store).await;
    refuses_puts_beyond_the_limits_and_keeps_nothing(store).await;
    forgets_what_was_deleted_and_does_not_mind_repetition(store).await;
    lists_every_token_once_in_order(store).await;
    looks_up_more_than_one_message_holds(store).await;
    counts_what_names_a_key(store).await;
    loses_nothing_in_a_checkpoint(store).await;
}

fn envelope(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn put(store: &dyn ValueStore, envelopes: &[Bytes]) -> Vec<Token> {
    store
        .put(envelopes.to_vec())
        .await
        .expect("a put within the limits succeeds")
}

async fn all(store: &dyn ValueStore) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    loop {
        let page = store.list(tokens.last().copied(), 7).await.expect("list answers");
        assert!(page.len() <= 7, "a page holds no more than asked");
        if page.is_empty() {
            return tokens;
        }
        tokens.extend(page);
    }
}

async fn gives_back_what_was_put_in_the_order_given(store: &dyn ValueStore) {
    let envelopes: Vec<_> = (0..100).map(|n| envelope(&format!("envelope {n}"))).collect();
    let tokens = put(store, &envelopes).await;
    assert_eq!(tokens.len(), envelopes.len(), "one token per envelope");
    let found = store.get(&tokens).await.expect("get answers");
    assert!(
        found.iter().flatten().eq(envelopes.iter()),
        "each token stands for the envelope in its place"
    );
    let backwards: Vec<_> = tokens.iter().rev().copied().collect();
    let found = store.get(&backwards).await.expect("get answers");
    assert!(
        found.iter().flatten().eq(envelopes.iter().rev()),
        "answers come in the order asked"
    );
}

async fn answers_none_for_unknown_tokens(store: &dyn ValueStore) {
    let known = put(store, &[envelope("known")]).await[0];
    let unknown = Token::make().expect("randomness");
    let found = store
        .get(&[unknown, known, unknown, known])
        .await
        .expect("get answers");
    let expected = [None, Some(envelope("known")), None, Some(envelope("known"))];
    assert!(found == expected, "unknown tokens are None, repetition is fine");
    assert!(
        store.get(&[]).await.expect("get answers").is_empty(),
        "nothing asked, nothing answered"
    );
}

async fn keeps_equal_envelopes_apart(store: &dyn ValueStore) {
    let tokens = put(store, &vec![envelope("same"); 10]).await;
    assert_eq!(
        tokens.iter().collect::<HashSet<_>>().len(),
        10,
        "each gets a token of its own"
    );
    store.delete(&tokens[..1]).await.expect("delete answers");
    assert!(
        store
            .get(&tokens[1..])
            .await
            .expect("get answers")
            .iter()
            .all(Option::is_some)
    );
}

async fn takes_an_empty_batch(store: &dyn ValueStore) {
    assert!(put(store, &[]).await.is_empty(), "nothing put, no tokens");
    store.delete(&[]).await.expect("deleting nothing is fine");
    let token = put(store, &[Bytes::new()]).await;
    assert!(
        store.get(&token).await.expect("get answers") == [Some(Bytes::new())],
        "empty is not missing"
    );
}

async fn takes_the_largest_put(store: &dyn ValueStore) {
    let most = put(store, &vec![envelope("x"); limits::BATCH]).await;
    store.delete(&most).await.expect("delete answers");
    let wide = vec![Bytes::from(vec![0x5a; limits::ENVELOPE]); limits::PUT / limits::ENVELOPE];
    let tokens = put(store, &wide).await;
    let found = store.get(&tokens).await.expect("get answers");
    assert!(
        found.iter().flatten().eq(wide.iter()),
        "the largest put comes back whole"
    );
    store.delete(&tokens).await.expect("delete answers");
}

async fn refuses_puts_beyond_the_limits_and_keeps_nothing(store: &dyn ValueStore) {
    let before = all(store).await;
    let oversize = [
        (Limit::Batch, vec![Bytes::new(); limits::BATCH + 1]),
        (
            Limit::Envelope,
            vec![envelope("small"), Bytes::from(vec![0; limits::ENVELOPE + 1])],
        ),
        (
            Limit::Message,
            vec![Bytes::from(vec![0; limits::ENVELOPE]); limits::PUT / limits::ENVELOPE + 1],
        ),
    ];
    for (limit, batch) in oversize {
        match store.put(batch).await {
            Err(StoreError::TooLarge { what, .. }) => assert_eq!(what, limit, "the limit is named"),
            other => panic!("beyond the limit of {limit}: {other:?}"),
        }
    }
    assert!(all(store).await == before, "a refused put keeps nothing");
}

async fn forgets_what_was_deleted_and_does_not_mind_repetition(store: &dyn ValueStore) {
    let tokens = put(store, &[envelope("gone"), envelope("stays")]).await;
    let unknown = Token::make().expect("randomness");
    for _ in 0..2 {
        store
            .delete(&[tokens[0], unknown])
            .await
            .expect("deleting again is fine");
        let found = store.get(&tokens).await.expect("get answers");
        assert!(
            found == [None, Some(envelope("stays"))],
            "exactly the deleted one is gone"
        );
    }
}

async fn lists_every_token_once_in_order(store: &dyn ValueStore) {
    let tokens = put(store, &vec![envelope("listed"); 20]).await;
    let listed = all(store).await;
    assert!(listed.is_sorted_by(|a, b| a < b), "ascending, none twice");
    assert!(
        tokens.iter().all(|token| listed.binary_search(token).is_ok()),
        "every token is listed"
    );
    store.delete(&tokens).await.expect("delete answers");
    let listed = all(store).await;
    assert!(
        tokens.iter().all(|token| listed.binary_search(token).is_err()),
        "deleted ones are not"
    );
}

async fn looks_up_more_than_one_message_holds(store: &dyn ValueStore) {
    let wide = vec![Bytes::from(vec![0xa5; limits::ENVELOPE]); limits::PUT / limits::ENVELOPE];
    let mut tokens = put(store, &wide).await;
    tokens.extend(put(store, &wide).await);
    let many: Vec<_> = tokens.iter().cycle().take(limits::BATCH / 10).copied().collect();
    let found = store.get(&many).await.expect("get answers");
    assert!(found.len() == many.len() && found.iter().flatten().all(|envelope| *envelope == wide[0]));
    let unknown: Result<Vec<_>, _> = (0..limits::BATCH + 1).map(|_| Token::make()).collect();
    tokens.extend(unknown.expect("randomness"));
    store
        .delete(&tokens)
        .await
        .expect("a delete of any size succeeds");
    let found = store.get(&tokens).await.expect("a get of any size succeeds");
    assert!(
        found.len() == tokens.len() && found.iter().all(Option::is_none),
        "all are gone"
    );
}

async fn counts_what_names_a_key(store: &dyn ValueStore) {
    let key = |token: Token| <[u8; 8]>::try_from(&token.as_bytes()[..8]).expect("eight of sixteen bytes");
    let [old, new, none] = [(); 3].map(|()| key(Token::make().expect("randomness")));
    let naming = |key: [u8; 8], rest: usize| Bytes::from([&[1], &key[..], &vec![0x5a; rest]].concat());
    // Enough that some begin with each byte a token can begin with, the first and the last included.
    let mut batch: Vec<Bytes> = (0..1_900).map(|n| naming(old, n % 3)).collect();
    batch.extend((0..90).map(|_| naming(new, 200)));
    batch.push(naming(new, limits::ENVELOPE - 9));
    let elsewhere = [&old[..], &[1], &[0x5a; 80], &old].concat();
    batch.extend([
        Bytes::new(),
        envelope("short"),
        naming(old, 0).slice(..8),
        elsewhere.into(),
    ]);
    let tokens = put(store, &batch).await;
    let count = async |key| store.count(key).await.expect("count answers");
    assert_eq!(
        (count(old).await, count(new).await, count(none).await),
        (1_900, 91, 0),
        "the key's id is in bytes 1 to 8 and nowhere else"
    );
    let mut parts = 0;
    for first in [0, 1, 0x7f, 0x80, 0xff] {
        let expected = tokens[..1_900]
            .iter()
            .filter(|token| token.as_bytes()[0] == first)
            .count();
        let part = store.count_part(old, first).await.expect("count answers");
        assert_eq!(
            part, expected as u64,
            "a part holds the tokens that begin with its byte"
        );
        parts += part;
    }
    assert!(parts > 0, "some part was not empty");
    store.delete(&tokens[..1_900]).await.expect("delete answers");
    assert_eq!(
        (count(old).await, count(new).await),
        (0, 91),
        "deleted ones are not counted"
    );
    store.delete(&tokens).await.expect("delete answers");
}

async fn loses_nothing_in_a_checkpoint(store: &dyn ValueStore) {
    let tokens = put(store, &[envelope("gone"), envelope("stays")]).await;
    store.delete(&tokens[..1]).await.expect("delete answers");
    for _ in 0..2 {
        store
            .checkpoint()
            .await
            .expect("a checkpoint with no reader in the way succeeds");
    }
    let found = store.get(&tokens).await.expect("get answers");
    assert!(
        found == [None, Some(envelope("stays"))],
        "a checkpoint loses nothing"
    );
}
