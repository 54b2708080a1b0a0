//! From the head of a request to an answer (RFC 9112), without I/O.

use httparse::{EMPTY_HEADER, Error, Request, Status};

/// The most bytes that a request's head may have.
pub(super) const HEAD: usize = 2048;
/// Of one request.
const HEADERS: usize = 32;

/// The answer; `None` as long as there is too little of the head to give one.
pub(super) fn answer(head: &[u8], ready: impl FnOnce() -> Result<(), &'static str>) -> Option<String> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut request = Request::new(&mut headers);
    match request.parse(head) {
        Ok(Status::Complete(_)) => {}
        Ok(Status::Partial) if head.len() < HEAD => return None,
        Ok(Status::Partial) | Err(Error::TooManyHeaders) => {
            return Some(text("431 Request Header Fields Too Large", "", "too long", true));
        }
        Err(_) => return Some(text("400 Bad Request", "", "not HTTP", true)),
    }
    let with_body = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => {
            let allow = "Allow: GET, HEAD\r\n";
            return Some(text("405 Method Not Allowed", allow, "GET or HEAD", true));
        }
    };
    let path = request.path.unwrap_or_default();
    let (status, line) = match path.split('?').next() {
        Some("/healthz") => ("200 OK", "ok"),
        Some("/readyz") => match ready() {
            Ok(()) => ("200 OK", "ok"),
            Err(why) => ("503 Service Unavailable", why),
        },
        _ => ("404 Not Found", "there are /healthz and /readyz"),
    };
    Some(text(status, "", line, with_body))
}

fn text(status: &str, header: &str, line: &str, with_body: bool) -> String {
    let length = line.len() + 1;
    let head = format!(
        "HTTP/1.1 {status}\r\n{header}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    );
    if with_body {
        format!("{head}{line}\n")
    } else {
        head
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(head: &[u8]) -> Option<String> {
        answer(head, || Ok(()))
    }

    fn status(head: &str) -> String {
        let answer = of(head.as_bytes()).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    }

    #[test]
    fn it_tells_whether_it_is_alive_and_whether_it_is_ready() {
        for path in ["/healthz", "/readyz", "/readyz?verbose"] {
            let got = of(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
            assert!(
                got.starts_with("HTTP/1.1 200 OK\r\n")
                    && got.ends_with(
                        "\r\nContent-Length: 3\r\nCache-Control: no-store\r\nConnection: close\r\n\r\nok\n"
                    ),
                "{got}"
            );
        }
        let ask =
            |path: &str| answer(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes(), || Err("why")).unwrap();
        assert!(ask("/readyz").starts_with("HTTP/1.1 503 ") && ask("/readyz").ends_with("\r\n\r\nwhy\n"));
        assert!(
            ask("/healthz").starts_with("HTTP/1.1 200 "),
            "alive though not ready"
        );
    }

    #[test]
    fn an_answer_to_head_has_the_length_and_no_content() {
        let get = of(b"GET /readyz HTTP/1.1\r\n\r\n").unwrap();
        let head = of(b"HEAD /readyz HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(get, format!("{head}ok\n"));
    }

    #[test]
    fn other_methods_and_other_paths_are_refused() {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", "CONNECT"] {
            let got = of(format!("{method} /healthz HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
            assert!(
                got.starts_with("HTTP/1.1 405 ") && got.contains("\r\nAllow: GET, HEAD\r\n"),
                "{got}"
            );
        }
        for path in [
            "/",
            "/healthz/",
            "//healthz",
            "/HEALTHZ",
            "/metrics",
            "/..%2freadyz",
            "*",
            "?",
            "/run/splitvault/.env",
        ] {
            assert_eq!(status(&format!("GET {path} HTTP/1.1\r\n\r\n")), "404", "{path}");
        }
    }

    #[test]
    fn what_is_malformed_or_too_long_is_told_so() {
        for head in [
            "\0",
            "GET\r\n\r\n",
            "GET /readyz\r\n\r\n",
            "GET /readyz HTTP/2.0\r\n\r\n",
            "GET /readyz HTTP/1.1\r\nno colon\r\n\r\n",
            "\u{16}\u{3}\u{1}\0\0",
            "G\u{e9}T / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(status(head), "400", "{head:?}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(HEAD));
        assert_eq!(status(&long[..HEAD]), "431");
        let many = format!("GET /readyz HTTP/1.1\r\n{}\r\n", "a:\r\n".repeat(HEADERS + 1));
        assert_eq!(status(&many), "431");
        let some = format!("GET /readyz HTTP/1.1\r\n{}\r\n", "a:\r\n".repeat(HEADERS));
        assert_eq!(status(&some), "200");
    }

    #[test]
    fn a_head_that_has_not_ended_gets_no_answer_yet() {
        let whole = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
        for length in 0..whole.len() {
            assert_eq!(of(&whole[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sent_the_answer_is_one_of_a_few_and_repeats_none_of_it(
            head in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..HEAD),
                "(GET|HEAD|POST) /[a-zQ%./?]{0,20} HTTP/1\\.[01]\r\n([A-Z]{1,4}: Q{0,9}\r\n){0,3}\r\n".prop_map(String::into_bytes),
            ]
        ) {
            if let Some(answer) = of(&head) {
                prop_assert!(answer.starts_with("HTTP/1.1 ") && answer.len() < 256, "{answer}");
                prop_assert!(!answer.contains('Q'), "{answer}");
            }
        }
    }
}
