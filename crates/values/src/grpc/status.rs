//! Errors as gRPC statuses and back, totally in both directions.

use std::error::Error;
use std::io;

use prost::Message as _;
use rustls::AlertDescription as Alert;
use tonic::{Code, Status};

use super::proto::LimitExceeded;
use super::proto::limit_exceeded::Kind;
use crate::{Limit, StoreError, limits};

/// The status that tells the client of this error.
pub(super) fn status(error: StoreError) -> Status {
    let message = error.to_string();
    match error {
        StoreError::Unavailable => Status::unavailable(message),
        StoreError::TooLarge { what, limit, got } => {
            let details = LimitExceeded {
                kind: kind(what).into(),
                limit,
                got,
            };
            Status::with_details(Code::OutOfRange, message, details.encode_to_vec().into())
        }
        StoreError::Refused => Status::permission_denied(message),
        StoreError::Corrupt => Status::data_loss(message),
        StoreError::Full => Status::resource_exhausted(message),
        StoreError::Protocol => Status::invalid_argument(message),
        StoreError::Random | StoreError::Internal => Status::internal(message),
    }
}

/// The error that a status tells of; also those that the transport makes.
pub(super) fn store_error(status: &Status) -> StoreError {
    if distrust(status) {
        return StoreError::Refused;
    }
    match status.code() {
        Code::OutOfRange => too_large(status.details()),
        Code::PermissionDenied | Code::Unauthenticated => StoreError::Refused,
        Code::DataLoss => StoreError::Corrupt,
        Code::ResourceExhausted => StoreError::Full,
        Code::Internal => StoreError::Internal,
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Unimplemented => StoreError::Protocol,
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Aborted | Code::Unknown => {
            StoreError::Unavailable
        }
    }
}

fn too_large(details: &[u8]) -> StoreError {
    // Without details it was the codec that saw too large a message, and it does not say how large.
    let LimitExceeded { kind, limit, got } = match LimitExceeded::decode(details) {
        Ok(details) if !details.encode_to_vec().is_empty() => details,
        _ => LimitExceeded {
            kind: Kind::Message.into(),
            limit: limits::MESSAGE as u64,
            got: 0,
        },
    };
    let what = match Kind::try_from(kind) {
        Ok(Kind::Batch) => Limit::Batch,
        Ok(Kind::Envelope) => Limit::Envelope,
        Ok(Kind::Message | Kind::Unspecified) | Err(_) => Limit::Message,
    };
    StoreError::TooLarge { what, limit, got }
}

const fn kind(what: Limit) -> Kind {
    match what {
        Limit::Batch => Kind::Batch,
        Limit::Envelope => Kind::Envelope,
        Limit::Message => Kind::Message,
    }
}

/// Whether one side did not trust the other's certificate, as far as the transport lets us see it.
fn distrust(status: &Status) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = status.source();
    while let Some(error) = next {
        // An `io::Error` hides what it wraps from `source`.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = wrapped
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            .or_else(|| error.downcast_ref::<rustls::Error>());
        if let Some(tls) = tls {
            return is_distrust(tls);
        }
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

fn is_distrust(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => true,
        rustls::Error::AlertReceived(alert) => matches!(
            alert,
            Alert::AccessDenied
                | Alert::BadCertificate
                | Alert::CertificateExpired
                | Alert::CertificateRequired
                | Alert::CertificateRevoked
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::UnsupportedCertificate
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_survives_the_wire() {
        let too_large = |what| StoreError::TooLarge {
            what,
            limit: 10,
            got: 11,
        };
        for error in [
            StoreError::Unavailable,
            too_large(Limit::Batch),
            too_large(Limit::Envelope),
            too_large(Limit::Message),
            StoreError::Refused,
            StoreError::Corrupt,
            StoreError::Full,
            StoreError::Protocol,
            StoreError::Internal,
        ] {
            assert_eq!(store_error(&status(error)), error);
        }
        assert_eq!(store_error(&status(StoreError::Random)), StoreError::Internal);
    }

    #[test]
    fn every_code_has_an_error() {
        for code in 0..=16 {
            store_error(&Status::new(Code::from_i32(code), ""));
        }
    }

    #[test]
    fn a_message_too_large_for_the_codec_is_too_large() {
        let expected = StoreError::TooLarge {
            what: Limit::Message,
            limit: limits::MESSAGE as u64,
            got: 0,
        };
        assert_eq!(
            store_error(&Status::out_of_range("decoded message length too large")),
            expected
        );
    }

    #[test]
    fn an_alert_about_our_certificate_is_a_refusal() {
        let alert = |alert| {
            let tls = rustls::Error::AlertReceived(alert);
            store_error(&Status::from_error(Box::new(io::Error::new(
                io::ErrorKind::InvalidData,
                tls,
            ))))
        };
        assert_eq!(alert(Alert::UnknownCA), StoreError::Refused);
        assert_eq!(alert(Alert::InternalError), StoreError::Unavailable);
    }
}
