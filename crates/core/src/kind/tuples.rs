//! Declarations: tuples of up to 12 entries. [`Owns`], [`Reads`], [`Serves`] and [`Expiring`] make
//! the compiler report a kind that is not declared, with a message that names the missing entry.

use super::entry::{
    At, Entry, IsExpires, IsKind, IsServed, OwnedKind, Owning, OwnsEntry, ReadKind, Reading,
    ReadsEntry,
};
use super::names::KindInfo;
use super::object::Object;

/// `type Owns`: a tuple of up to 12 entries, e.g. `(Deployment, Optional<Mapping>)`;
/// `(Deployment,)` for one; `()` for none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tuple of up to 12 kinds",
    label = "expected a tuple of kinds, such as `(Deployment, Service)`",
    note = "a tuple of one kind has a comma: `type Owns = (Deployment,);`"
)]
pub trait Kinds: 'static {
    /// The entries, in the order of the declaration.
    fn ownings() -> Vec<Owning>;

    /// The kinds that `build` returns.
    #[must_use]
    fn owned() -> Vec<OwnedKind> {
        let kind = |owning| match owning {
            Owning::Kind(kind) => Some(kind),
            Owning::Expiry => None,
        };
        Self::ownings().into_iter().filter_map(kind).collect()
    }

    /// Whether the operator deletes its own resources when they expire.
    #[must_use]
    fn expire() -> bool {
        Self::ownings().contains(&Owning::Expiry)
    }
}

/// `type Reads`: a tuple of up to 12 entries, e.g. `(Metadata<Namespace>, Served<Mapping>)`;
/// `(ConfigMap,)` for one; `()` for none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tuple of up to 12 kinds",
    label = "expected a tuple of kinds, such as `(Secret, ConfigMap)`",
    note = "a tuple of one kind has a comma: `type Reads = (Secret,);`"
)]
pub trait ReadKinds: 'static {
    /// The entries, in the order of the declaration.
    fn readings() -> Vec<Reading>;

    /// The kinds whose objects `build` looks up.
    #[must_use]
    fn read() -> Vec<ReadKind> {
        let objects = |reading| match reading {
            Reading::Objects(read) => Some(read),
            Reading::Served(_) => None,
        };
        Self::readings().into_iter().filter_map(objects).collect()
    }

    /// The kinds of which `build` asks whether they are served.
    #[must_use]
    fn served() -> Vec<KindInfo> {
        let served = |reading| match reading {
            Reading::Served(kind) => Some(kind),
            Reading::Objects(_) => None,
        };
        Self::readings().into_iter().filter_map(served).collect()
    }
}

/// `Self` declares `K` as owned. The compiler finds `At`, the place of the entry.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a kind that this operator owns",
    label = "`{K}` is missing in `type Owns`",
    note = "add it to the operator: `type Owns = (..., {K})`; watches, rights and docs follow"
)]
pub trait Owns<K, At> {}

/// `Self` declares `K` as read. The compiler finds `At`, the place of the entry.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a kind that this operator reads",
    label = "`{K}` is missing in `type Reads`",
    note = "add it to the operator: `type Reads = (..., {K})`; watches and rights follow"
)]
pub trait Reads<K, At> {}

/// `Self` declares that `build` asks whether `K` is served. The compiler finds `At`, the place.
#[diagnostic::on_unimplemented(
    message = "this operator does not declare that it asks whether `{K}` is served",
    label = "`Served<{K}>` is missing in `type Reads`",
    note = "add it to the operator: `type Reads = (..., Served<{K}>)`"
)]
pub trait Serves<K, At> {}

/// `Self` has the entry [`Expires`](crate::expiry::Expires). The compiler finds `At`, the place.
#[diagnostic::on_unimplemented(
    message = "this operator does not declare that its resources expire",
    label = "`Expires` is missing in `type Owns`",
    note = "add it to the operator: `type Owns = (..., Expires)`; the right to delete the \
            resources follows from it"
)]
pub trait Expiring<At> {}

macro_rules! declarations {
    ($( ( $($all:ident $index:literal),* ) )*) => { $(
        impl<$($all: OwnsEntry),*> Kinds for ($($all,)*) {
            fn ownings() -> Vec<Owning> { vec![$($all::owning()),*] }
        }
        impl<$($all: ReadsEntry),*> ReadKinds for ($($all,)*) {
            fn readings() -> Vec<Reading> { vec![$($all::reading()),*] }
        }
    )* };
}

macro_rules! membership {
    ($( ( $($all:ident),* ) has $one:ident at $index:literal )*) => { $(
        impl<Kind: Object, $($all: OwnsEntry),*> Owns<Kind, At<$index>> for ($($all,)*)
        where $one: IsKind<Kind> {}
        impl<Kind: Entry, $($all: ReadsEntry),*> Reads<Kind, At<$index>> for ($($all,)*)
        where $one: IsKind<Kind> {}
        impl<Kind: Object, $($all: ReadsEntry),*> Serves<Kind, At<$index>> for ($($all,)*)
        where $one: IsServed<Kind> {}
        impl<$($all: OwnsEntry),*> Expiring<At<$index>> for ($($all,)*)
        where $one: IsExpires {}
    )* };
}
macro_rules! tuples {
    ($( [ $($name:ident $index:literal),* ] )*) => {
        $( tuples!(@one [ $($name $index),* ] ); )*
    };
    (@one [ $($name:ident $index:literal),* ]) => {
        declarations! { ( $($name $index),* ) }
        tuples!(@members [ $($name),* ] $($name $index),* );
    };
    (@members [ $($all:ident),* ] $($name:ident $index:literal),* ) => {
        tuples!(@each [ $($all),* ] $( [ $name $index ] )* );
    };
    (@each [ $($all:ident),* ] [ $name:ident $index:literal ] $($rest:tt)* ) => {
        membership! { ( $($all),* ) has $name at $index }
        tuples!(@each [ $($all),* ] $($rest)* );
    };
    (@each [ $($all:ident),* ] ) => {};
}

tuples! {
    []
    [A 0]
    [A 0, B 1]
    [A 0, B 1, C 2]
    [A 0, B 1, C 2, D 3]
    [A 0, B 1, C 2, D 3, E 4]
    [A 0, B 1, C 2, D 3, E 4, F 5]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11]
}
