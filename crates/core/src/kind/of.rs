//! [`of`]: a type as an argument.

use std::marker::PhantomData;

/// The type `T` as a value: what [`of`] returns.
pub struct Of<T>(PhantomData<fn() -> T>);

/// Names a type in a call: `view.get(of::<Secret>(), "name")`.
///
/// Without `of`, a call would need two type arguments: the type, and its place (`At`) in the
/// declaration, which only the compiler knows.
#[must_use]
pub const fn of<T>() -> Of<T> {
    Of(PhantomData)
}
