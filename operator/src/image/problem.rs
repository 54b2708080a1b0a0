//! Why an image's entrypoint was not found.

/// Its Display ends a sentence about the image and names what to do. No text of a registry is in it, as that would end in
/// logs and with whoever makes pods.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not a reference, or one with a digest of another kind.
    #[error("it is not a reference to an image that can be understood: write REGISTRY/REPOSITORY:TAG")]
    Reference,
    /// Not for us to ask.
    #[error(
        "its registry is not among those that the operator may ask: an administrator adds it to imageLookup.registries \
         in the chart"
    )]
    NotListed,
    /// Nothing, or nothing in time.
    #[error("{0}: try again (controllers try again by themselves)")]
    Unanswered(&'static str),
    /// More at once than we take.
    #[error("too many look-ups are under way: try again (controllers try again by themselves)")]
    Busy,
    /// More than one pod may have looked up.
    #[error("at most {0} images are looked up for one pod")]
    TooMany(usize),
    /// Its certificate does not chain to one that is known, or is for another name.
    #[error(
        "the certificate of its registry is not trusted: an administrator adds the authority's to imageLookup.ca in the chart"
    )]
    Untrusted,
    /// 401 or 403, with or without credentials.
    #[error("its registry refuses: check the name, and the pod's imagePullSecrets")]
    Denied,
    /// 404.
    #[error("its registry has no such image")]
    Missing,
    /// Some other status.
    #[error("its registry answers with status {0}")]
    Status(u16),
    /// A redirect, or a token service, to which no connection will be made.
    #[error("its registry leads to {0}, where the operator does not go")]
    Elsewhere(&'static str),
    /// More bytes than an honest one has.
    #[error("its {what} has more than {limit} bytes")]
    TooLarge {
        /// Which answer.
        what: &'static str,
        /// Bytes.
        limit: usize,
    },
    /// Not what the specification says.
    #[error("its {0} cannot be understood")]
    Malformed(&'static str),
    /// Not the bytes that the digest stands for.
    #[error("its {0} does not have the digest that it should: the registry, or what is between, is at fault")]
    Digest(&'static str),
    /// A chart, a signature, an old format.
    #[error("it is not a container image of the OCI's or Docker's second format")]
    NotAnImage,
    /// Windows and the like.
    #[error("it is not an image for Linux")]
    NotLinux,
    /// No manifest for the architecture.
    #[error(
        "it is not there for linux/{0}: set the pod's nodeSelector kubernetes.io/arch to an architecture that it is for"
    )]
    Architecture(String),
}

impl Problem {
    /// Whether the same look-up may succeed a moment later.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unanswered(_) | Self::Busy => true,
            Self::Status(status) => *status == 429 || *status >= 500,
            Self::Reference
            | Self::NotListed
            | Self::TooMany(_)
            | Self::Untrusted
            | Self::Denied
            | Self::Missing
            | Self::Elsewhere(_)
            | Self::TooLarge { .. }
            | Self::Malformed(_)
            | Self::Digest(_)
            | Self::NotAnImage
            | Self::NotLinux
            | Self::Architecture(_) => false,
        }
    }

    /// Whether other credentials may be worth a try: many registries say that what one may not see is not there.
    #[must_use]
    pub const fn is_about_access(&self) -> bool {
        matches!(self, Self::Denied | Self::Missing)
    }

    /// For metrics: a word of a closed set.
    #[must_use]
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Reference => "malformed_reference",
            Self::NotListed => "not_listed",
            Self::Unanswered(_) | Self::Status(_) => "unanswered",
            Self::Busy | Self::TooMany(_) => "too_many",
            Self::Untrusted => "untrusted",
            Self::Denied => "denied",
            Self::Missing => "missing",
            Self::Elsewhere(_) => "led_elsewhere",
            Self::TooLarge { .. } => "too_large",
            Self::Malformed(_) | Self::Digest(_) => "malformed",
            Self::NotAnImage | Self::NotLinux | Self::Architecture(_) => "unsuitable",
        }
    }
}
