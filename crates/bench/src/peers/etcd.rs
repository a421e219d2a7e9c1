//! etcd at Hansa's work: puts, serializable reads, and watchers.

use anyhow::{Context as _, Result};
use prost::Message as _;
use tokio_stream::StreamExt as _;
use tonic::transport::{Channel, Endpoint};

use self::pb::kv_client::KvClient;
use self::pb::watch_client::WatchClient;
use super::calls::Callers;
use super::fan::{Fan, PAYLOAD, Published, Seen};
use super::figure::Figure;
use super::server::Server;
use super::unary::{Method, any, unary};

#[allow(missing_docs, unreachable_pub, reason = "generated")]
mod pb {
    tonic::include_proto!("etcdserverpb");
}

async fn channel(server: &Server) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address))?;
    Ok(endpoint.tcp_nodelay(true).connect().await?)
}

/// Clients over so many connections.
async fn clients(server: &Server, connections: usize) -> Result<Vec<KvClient<Channel>>> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(KvClient::new(channel(server).await?));
    }
    Ok(clients)
}

fn put(key: String, value: Vec<u8>) -> pb::PutRequest {
    pb::PutRequest { key: key.into_bytes(), value }
}

/// Puts, each of a new key.
pub async fn puts(server: &Server, callers: Callers) -> Result<Figure> {
    let value = vec![b'x'; PAYLOAD];
    // The first waits for the election of a leader, which nobody wants to measure.
    KvClient::new(channel(server).await?).put(put("first".to_owned(), value.clone())).await?;
    let method = Method {
        path: "/etcdserverpb.KV/Put",
        request: move |number| Ok(put(format!("k{number:09}"), value.clone())),
        answer: any,
    };
    unary(server, callers, method).await
}

/// Serializable reads of keys that are there.
pub async fn gets(server: &Server, callers: Callers) -> Result<Figure> {
    const KEYS: u64 = 10_000;
    let mut client = KvClient::new(channel(server).await?);
    for key in 0..KEYS {
        client.put(put(format!("r{key:09}"), vec![b'x'; PAYLOAD])).await?;
    }
    let method = Method {
        path: "/etcdserverpb.KV/Range",
        request: |number: u64| {
            let key = format!("r{:09}", number.wrapping_mul(0x9e37_79b9) % KEYS).into_bytes();
            Ok(pb::RangeRequest { key, serializable: true })
        },
        answer: |answer: &[u8]| {
            pb::RangeResponse::decode(answer)?.kvs.first().context("the key is not there")?;
            Ok(())
        },
    };
    unary(server, callers, method).await
}

/// One stream a watcher of a prefix, `fan.subscribers` of them over `fan.connections`.
pub async fn watch(server: &Server, fan: Fan) -> Result<Figure> {
    let seen = Seen::new(fan.subscribers);
    let mut tasks = Vec::new();
    for connection in 0..fan.connections {
        let channel = channel(server).await?;
        for subscriber in (connection..fan.subscribers).step_by(fan.connections) {
            let create = pb::WatchCreateRequest { key: b"e".into(), range_end: b"f".into() };
            let request = pb::WatchRequest { create_request: Some(create) };
            let requests = tokio_stream::iter([request]).chain(tokio_stream::pending());
            let mut answers = WatchClient::new(channel.clone()).watch(requests).await?.into_inner();
            answers.message().await?.filter(|answer| answer.created).context("no watch")?;
            let seen = seen.clone();
            tasks.push(tokio::spawn(async move {
                while let Some(answer) = answers.message().await? {
                    for event in answer.events {
                        seen.event(subscriber, &event.kv.context("no value")?.value);
                    }
                }
                anyhow::Ok(())
            }));
        }
    }
    let clients = clients(server, 4).await?;
    let publish = move |number: u64, payload: Published| {
        let mut client = clients[number as usize % clients.len()].clone();
        async move {
            client.put(put(format!("e{number:09}"), payload)).await?;
            Ok(())
        }
    };
    let figure = fan.run(server, &seen, 64, publish).await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    figure
}
