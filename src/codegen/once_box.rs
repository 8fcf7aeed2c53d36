//! A cell that is written once and never blocks.

use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A value that is computed on first use.
///
/// Unlike with `OnceLock`, no thread waits: two threads may both compute the value, and the second one is dropped. So a
/// process that was forked during the computation does not hang.
pub(crate) struct OnceBox<T: Send + Sync> {
    /// The pointer of an owned box, or null.
    value: AtomicPtr<T>,
    _owned: PhantomData<Box<T>>,
}

impl<T: Send + Sync> OnceBox<T> {
    pub(crate) const fn new() -> OnceBox<T> {
        OnceBox { value: AtomicPtr::new(ptr::null_mut()), _owned: PhantomData }
    }

    #[inline]
    #[expect(unsafe_code, reason = "a pointer that other threads may set")]
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: a pointer that is not null comes from `Box::into_raw` in `get_or_set`. Only `drop` frees the box, and
        // the value is never changed.
        unsafe { self.value.load(Ordering::Acquire).as_ref() }
    }

    /// Sets the value if there is none. Returns the value of the cell, and `true` if it is the one given.
    #[expect(unsafe_code, reason = "a pointer that came from a box")]
    pub(crate) fn get_or_set(&self, value: T) -> (&T, bool) {
        let new = Box::into_raw(Box::new(value));
        match self.value.compare_exchange(ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: as in `get`.
            Ok(_) => (unsafe { &*new }, true),
            Err(old) => {
                // SAFETY: the pointer comes from the box above, and was not published.
                drop(unsafe { Box::from_raw(new) });
                // SAFETY: as in `get`.
                (unsafe { &*old }, false)
            }
        }
    }
}

impl<T: Send + Sync> Drop for OnceBox<T> {
    #[expect(unsafe_code, reason = "a pointer that came from a box")]
    fn drop(&mut self) {
        let value = *self.value.get_mut();
        if !value.is_null() {
            // SAFETY: the pointer comes from a box in `get_or_set`, and `&mut self` proves that no borrow is left.
            drop(unsafe { Box::from_raw(value) });
        }
    }
}

impl<T: Send + Sync> fmt::Debug for OnceBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceBox").field("is_set", &self.get().is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn keeps_the_first_value() {
        let (value, first) = (OnceBox::new(), Arc::new(1));
        assert_eq!(value.get(), None);
        assert!(value.get_or_set(first.clone()).1);
        assert!(!value.get_or_set(Arc::new(2)).1);
        assert_eq!((value.get().map(|value| **value), Arc::strong_count(&first)), (Some(1), 2));
        drop(value);
        assert_eq!(Arc::strong_count(&first), 1);
    }
}
