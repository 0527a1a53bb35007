//! Declarations of kinds: tuples of up to 12 entries. [`Owns`], [`Reads`] and [`Serves`] make the
//! compiler refuse a kind that is not in the declaration, with a message that says what to add.

use std::any::TypeId;

use super::declared::{
    Asks, At, Declared, DeclaredRead, Entry, OwnedKind, ReadKind, Reading, StandsFor,
};
use super::{KindInfo, Object};

/// `type Owns`: a tuple of up to 12 kinds, e.g. `(Deployment, Optional<Mapping>)`; `(Deployment,)`
/// for one; `()` for none.
pub trait Kinds: 'static {
    /// The kinds, in the order in which they were declared.
    fn owned() -> Vec<OwnedKind>;
}

/// `type Reads`: a tuple of up to 12 entries, e.g. `(Metadata<Namespace>, Served<Mapping>)`;
/// `(ConfigMap,)` for one; `()` for none.
pub trait ReadKinds: 'static {
    /// The entries, in the order in which they were declared.
    fn readings() -> Vec<Reading>;

    /// The kinds whose objects are looked up.
    #[must_use]
    fn read() -> Vec<ReadKind> {
        let objects = |reading| match reading {
            Reading::Objects(read) => Some(read),
            Reading::Served(_) => None,
        };
        Self::readings().into_iter().filter_map(objects).collect()
    }

    /// The kinds of which it is asked whether they are served.
    #[must_use]
    fn served() -> Vec<KindInfo> {
        let served = |reading| match reading {
            Reading::Served(kind) => Some(kind),
            Reading::Objects(_) => None,
        };
        Self::readings().into_iter().filter_map(served).collect()
    }
}

/// `Self` declares `K` as owned. `At` is where; the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a kind that this operator owns",
    label = "`{K}` is missing in `type Owns`",
    note = "add it to the operator's declaration: `type Owns = (..., {K})`; watches, RBAC and docs then follow from it"
)]
pub trait Owns<K, At> {}

/// `Self` declares `K` as read. `At` is where; the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a kind that this operator reads",
    label = "`{K}` is missing in `type Reads`",
    note = "add it to the operator's declaration: `type Reads = (..., {K})`; watches, RBAC and wake-ups then follow from it"
)]
pub trait Reads<K, At> {}

/// `Self` declares that it asks whether `K` is served. `At` is where; the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a kind of which this operator asks whether it is served",
    label = "`Served<{K}>` is missing in `type Reads`",
    note = "add it to the operator's declaration: `type Reads = (..., Served<{K}>)`; wake-ups then follow from it"
)]
pub trait Serves<K, At> {}

fn owned_entry<D: Declared>() -> OwnedKind {
    OwnedKind {
        info: KindInfo::of::<D::Kind>(),
        optional: D::OPTIONAL,
        type_id: TypeId::of::<D::Kind>(),
    }
}

macro_rules! declarations {
    ($( ( $($all:ident $index:literal),* ) )*) => { $(
        impl<$($all: Declared),*> Kinds for ($($all,)*) {
            fn owned() -> Vec<OwnedKind> { vec![$(owned_entry::<$all>()),*] }
        }
        impl<$($all: DeclaredRead),*> ReadKinds for ($($all,)*) {
            fn readings() -> Vec<Reading> { vec![$($all::reading()),*] }
        }
    )* };
}

macro_rules! membership {
    ($( ( $($all:ident),* ) has $one:ident at $index:literal )*) => { $(
        impl<Kind: Object, $($all: Declared),*> Owns<Kind, At<$index>> for ($($all,)*) where $one: StandsFor<Kind> {}
        impl<Kind: Entry, $($all: DeclaredRead),*> Reads<Kind, At<$index>> for ($($all,)*) where $one: StandsFor<Kind> {}
        impl<Kind: Object, $($all: DeclaredRead),*> Serves<Kind, At<$index>> for ($($all,)*) where $one: Asks<Kind> {}
    )* };
}
macro_rules! tuples {
    ($( [ $($name:ident $index:literal),* ] )*) => { $( tuples!(@one [ $($name $index),* ] ); )* };
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
