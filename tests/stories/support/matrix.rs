/// Tells each of these stories (`async fn name(kind: StoreKind)`) once over the memory store and once over
/// Redis.
macro_rules! over_each_store {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::support::StoreKind;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn memory() {
                super::$name(StoreKind::Memory).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn redis() {
                super::$name(StoreKind::Redis).await;
            }
        }
    )*};
}
