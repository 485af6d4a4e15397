//! In which order a list comes.

use procwire_proto::v1::OrderBy;

/// One key of an order, for [`ListProcesses::order_by`](crate::ListProcesses::order_by). Rows that lack the value come last,
/// whichever way.
///
/// ```
/// use procwire_client::Order;
///
/// let busiest_first = Order::descending("cpu_times.user_ns").plus("cpu_times.system_ns");
/// # let _ = busiest_first;
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an order does nothing until a list is given it"]
pub struct Order(OrderBy);

impl Order {
    /// Least first, by a numeric or bytes field of [`Process`](crate::v1::Process): `"pid"`, `"name"`.
    ///
    /// ```
    /// let by_name = procwire_client::Order::ascending("name");
    /// # let _ = by_name;
    /// ```
    pub fn ascending(field: impl Into<String>) -> Self {
        Self(OrderBy { paths: vec![field.into()], descending: false })
    }

    /// Greatest first, by a numeric or bytes field of [`Process`](crate::v1::Process): `"memory.resident_bytes"`.
    ///
    /// ```
    /// let largest_first = procwire_client::Order::descending("memory.resident_bytes");
    /// # let _ = largest_first;
    /// ```
    pub fn descending(field: impl Into<String>) -> Self {
        Self(OrderBy { paths: vec![field.into()], descending: true })
    }

    /// By the sum with another numeric field.
    ///
    /// ```
    /// let most_transferred_first = procwire_client::Order::descending("io.read_bytes").plus("io.write_bytes");
    /// # let _ = most_transferred_first;
    /// ```
    pub fn plus(mut self, field: impl Into<String>) -> Self {
        self.0.paths.push(field.into());
        self
    }
}

impl From<Order> for OrderBy {
    fn from(order: Order) -> Self {
        order.0
    }
}

/// A list takes its keys from an iterator; one key is one of those too.
impl IntoIterator for Order {
    type Item = Self;
    type IntoIter = std::iter::Once<Self>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self)
    }
}
