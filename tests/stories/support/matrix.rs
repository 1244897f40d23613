/// One story, told once over the memory store and once over Redis.
macro_rules! over_each_store {
    ($(async fn $name:ident($kind:ident) $story:block)*) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn story($kind: $crate::support::StoreKind) $story

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn memory() {
                story($crate::support::StoreKind::Memory).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn redis() {
                story($crate::support::StoreKind::Redis).await;
            }
        }
    )*};
}
