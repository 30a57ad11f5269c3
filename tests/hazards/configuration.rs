//! Settings changed while the server runs.

use crate::start;

#[test]
fn several_settings_are_changed_together_or_not_at_all() {
    let server = start(&["--maxmemory", "100mb", "--hz", "10"]);
    let mut client = server.connect();
    for line in [
        "CONFIG SET maxmemory 200mb hz nonsense",
        "CONFIG SET maxmemory 200mb nosuchsetting 1",
        "CONFIG SET maxmemory 200mb databases 20",
        "CONFIG SET maxmemory 200mb hz 20 hz 30",
    ] {
        assert!(client.command(line).is_error(), "{line}");
        assert_eq!(client.command("CONFIG GET maxmemory").into_elements()[1].text(), "104857600", "{line}");
        assert_eq!(client.command("CONFIG GET hz").into_elements()[1].text(), "10", "{line}");
    }
    assert_eq!(client.command("CONFIG SET maxmemory 200mb hz 20").text(), "OK");
    assert_eq!(client.command("CONFIG GET maxmemory").into_elements()[1].text(), "209715200");
    assert_eq!(client.command("CONFIG GET hz").into_elements()[1].text(), "20");
}
