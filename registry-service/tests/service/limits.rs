//! What the process takes on, as its flags say.

use hansa_proto::pb::registry::v1::registry_service_client::RegistryServiceClient;
use hansa_proto::pb::registry::v1::{GetNetworkRequest, WatchChangesRequest};
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::harness::*;
use super::process::Process;

async fn call(address: String) -> Code {
    // A connection of its own, which goes when the call has ended.
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let request = GetNetworkRequest { name: "networks/none".into(), ..Default::default() };
    let mut client = RegistryServiceClient::new(channel);
    client.get_network(request).await.unwrap_err().code()
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_until_one_goes() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::start(data.path(), &["--max-connections", "2"]).await;
    let mut one = connect(&process.address).await;
    let mut two = connect(&process.address).await;
    let waiting = tokio::spawn(call(process.address.clone()));
    // Those that are connected go on, again and again; the third is not even heard.
    for number in 0..50 {
        one.create_network(create_network(&format!("n-{number}"))).await.unwrap();
        two.create_member(create_member(&format!("m-{number}"))).await.unwrap();
    }
    assert!(!waiting.is_finished(), "a connection beyond the limit was served");
    drop(one);
    assert_eq!(waiting.await.unwrap(), Code::NotFound);
    drop(two);
    assert!(process.terminate().await.success());
}

#[tokio::test]
async fn open_calls_beyond_the_limit_are_told_to_come_back() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::start(data.path(), &["--max-open-calls", "6"]).await;
    let mut client = connect(&process.address).await;
    let mut open = Vec::new();
    let refused = loop {
        match client.watch_changes(WatchChangesRequest::default()).await {
            Ok(stream) => open.push(stream.into_inner()),
            Err(status) => break status,
        }
        assert!(open.len() <= 6, "there is no limit");
    };
    assert!(open.len() >= 4, "refused at {}: {refused:?}", open.len());
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.get_error_details().retry_info().is_some(), "{refused:?}");
    // Those that are open go on; whoever ends one makes room.
    open[0].message().await.unwrap().expect("it goes on");
    open.truncate(1);
    loop {
        match client.create_network(create_network("n")).await {
            Ok(_) => break,
            Err(status) => assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}"),
        }
    }
    open[0].message().await.unwrap().expect("it goes on");
    drop(open);
    assert!(process.terminate().await.success());
}
