//! Why a stream or a connection ends: RFC 9114 section 8.1, RFC 9204 section 6.

use quinn::VarInt;

macro_rules! codes {
    ($($variant:ident $code:literal,)+) => {
        /// An error code of HTTP/3.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Code { $($variant,)+ }

        impl Code {
            /// As it goes over the wire.
            pub(super) const fn number(self) -> VarInt {
                match self { $(Self::$variant => VarInt::from_u32($code),)+ }
            }
        }
    };
}

codes! {
    NoError 0x100,
    InternalError 0x102,
    StreamCreationError 0x103,
    ClosedCriticalStream 0x104,
    FrameUnexpected 0x105,
    FrameError 0x106,
    ExcessiveLoad 0x107,
    IdError 0x108,
    SettingsError 0x109,
    MissingSettings 0x10a,
    RequestRejected 0x10b,
    RequestCancelled 0x10c,
    RequestIncomplete 0x10d,
    MessageError 0x10e,
    DecompressionFailed 0x200,
    EncoderStreamError 0x201,
}
