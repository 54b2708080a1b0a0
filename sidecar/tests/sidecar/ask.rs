//! One question, and every answer that an operator, or somebody else, may give.

use splitvault_sidecar::{Answered, AskError, Operator as Client, Question, client_config};
use splitvault_wire::{Delivery, REQUEST_LIMIT, Reason};
use tokio::io::AsyncReadExt as _;

use crate::operator::{Operator, Reply, TAG, TOKEN, request_line};

pub(crate) async fn ask(operator: &Operator) -> Result<Option<Delivery>, AskError> {
    let client = Client::new(&operator.settings()).unwrap();
    Ok(match client.ask(Question::default()).await? {
        Answered::New(answer) => Some(answer.delivery),
        Answered::Current { .. } => None,
    })
}

const HELD: Question<'_> = Question {
    tag: Some(TAG),
    problem: None,
    wait_seconds: None,
    refused: None,
};

fn is_current(answer: Result<Answered, AskError>) -> bool {
    matches!(answer.unwrap(), Answered::Current { again: None })
}

pub(crate) async fn failure(reply: Reply) -> AskError {
    ask(&Operator::start(&[reply]).await)
        .await
        .expect_err("this is no delivery")
}

#[tokio::test]
async fn variables_arrive_byte_for_byte() {
    const VARIABLES: &[(&str, &str)] = &[
        ("A", ""),
        ("B", "a\nb\r\n'\"\\`$HOME #"),
        ("C", "\u{fe0f}é\u{10ffff}\u{1}"),
    ];
    let operator = Operator::start(&[Reply::Web(7, VARIABLES)]).await;
    let delivery = ask(&operator).await.unwrap().unwrap();
    let web = &delivery.environments[0];
    assert_eq!((web.name.as_str(), web.revision), ("web", 7));
    let got: Vec<_> = web
        .variables
        .iter()
        .map(|v| (v.name.expose(), v.value.expose()))
        .collect();
    assert_eq!(got, VARIABLES);
}

#[tokio::test]
async fn the_question_is_in_the_protocol() {
    let operator = Operator::start(&[Reply::Current]).await;
    let client = Client::new(&operator.settings()).unwrap();
    assert!(is_current(client.ask(HELD).await));
    assert!(is_current(client.ask(HELD).await));
    let asked = operator.asked();
    assert!(asked[0].head.starts_with(&request_line()), "{}", asked[0].head);
    assert!(
        asked[0]
            .head
            .contains(&format!("authorization: Bearer {TOKEN}\r\n")),
        "{}",
        asked[0].head
    );
    assert!(
        asked[0].head.contains(&format!("host: {}\r\n", operator.address)),
        "{}",
        asked[0].head
    );
    assert_eq!(asked[0].request.vault_secrets, ["web"]);
    assert_eq!(asked[0].request.tag.as_deref(), Some(TAG));
    assert_ne!(
        asked[0].request.public_key, asked[1].request.public_key,
        "a key is for one question"
    );
    assert!(serde_json::to_vec(&asked[0].request).unwrap().len() < REQUEST_LIMIT);
}

#[tokio::test]
async fn each_refusal_is_told_with_its_reason() {
    for reason in Reason::ALL {
        let error = failure(Reply::Refuse(reason)).await;
        assert!(error.to_string().contains("VaultSecret web"), "{error}");
        let AskError::Refused(refused) = error else {
            panic!("{reason}: {error:?}")
        };
        assert_eq!(refused.reason, reason);
    }
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let error = ask(&Operator::with_tls_1_2().await).await.unwrap_err();
    assert!(matches!(error, AskError::Handshake { .. }), "{error:?}");
}

#[tokio::test]
async fn another_authority_is_refused() {
    let (operator, other) = (
        Operator::start(&[Reply::Current]).await,
        Operator::start(&[Reply::Current]).await,
    );
    let mut settings = operator.settings();
    settings.ca.clone_from(&other.ca);
    let error = Client::new(&settings)
        .unwrap()
        .ask(Question::default())
        .await
        .unwrap_err();
    assert!(matches!(error, AskError::Handshake { .. }), "{error:?}");
    assert!(operator.asked().is_empty(), "the token was not sent");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let operator = Operator::named("splitvault-operator.other.svc").await;
    let error = ask(&operator).await.unwrap_err();
    assert!(matches!(error, AskError::Handshake { .. }), "{error:?}");
    assert!(operator.asked().is_empty(), "the token was not sent");
}

#[tokio::test]
async fn nobody_there_is_told() {
    let operator = Operator::start(&[Reply::Current]).await;
    let mut settings = operator.settings();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    settings.port = free.local_addr().unwrap().port();
    drop(free);
    let error = Client::new(&settings)
        .unwrap()
        .ask(Question::default())
        .await
        .unwrap_err();
    assert!(matches!(error, AskError::Connect { .. }), "{error:?}");
}

/// Somebody who hears a client out, if so, and breaks the connection off.
async fn closing(heard: bool) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            // What was not read resets the connection.
            let wanted = if heard { 64 * 1024 } else { 1 };
            let _some = tcp.read(&mut vec![0; wanted]).await;
        }
    });
    port
}

#[tokio::test]
async fn a_connection_closed_in_its_handshake_does_not_put_the_operator_in_doubt() {
    let operator = Operator::start(&[Reply::Current]).await;
    for heard in [true, false] {
        let mut settings = operator.settings();
        settings.port = closing(heard).await;
        let client = Client::new(&settings).unwrap();
        let error = client.ask(Question::default()).await.unwrap_err();
        assert!(matches!(error, AskError::Closed { .. }), "{error:?}");
        let told = error.to_string();
        assert!(
            told.contains("it may have too many") && !told.contains("prove"),
            "{told}"
        );
    }
    assert!(operator.asked().is_empty(), "the token was not sent");
}

#[tokio::test]
async fn a_token_that_is_none_is_not_sent() {
    let operator = Operator::start(&[Reply::Current]).await;
    let long = vec![b'a'; 20_000];
    for token in [b"".as_slice(), b" \n", b"a\nb: c", b"\xff\xfe", &long] {
        std::fs::write(operator.token(), token).unwrap();
        let error = ask(&operator).await.unwrap_err();
        assert!(matches!(error, AskError::Token { .. }), "{error:?}");
    }
    std::fs::remove_file(operator.token()).unwrap();
    assert!(matches!(
        ask(&operator).await.unwrap_err(),
        AskError::Token { .. }
    ));
    assert!(operator.asked().is_empty());
}

#[tokio::test]
async fn new_certificates_replace_the_old_ones() {
    let (old, new) = (
        Operator::start(&[Reply::Current]).await,
        Operator::start(&[Reply::Current]).await,
    );
    let mut settings = new.settings();
    settings.ca.clone_from(&old.ca);
    let mut client = Client::new(&settings).unwrap();
    assert!(client.ask(HELD).await.is_err());
    assert!(client.trust("nonsense").is_err());
    client.trust(&new.ca).unwrap();
    assert!(is_current(client.ask(HELD).await));
    assert!(
        client_config(&format!("{}{}", old.ca, new.ca)).is_ok(),
        "both, while they overlap"
    );
}
