// Package hectest is a scripted Splunk HTTP Event Collector for tests. It keeps
// to the documented table of answers, accepts the objects before a bad one as
// Splunk does, keeps acknowledgements per channel in memory and forgets each
// once it was told, and is stricter than Splunk where Splunk would lose events
// without a word: an unknown key in an envelope is refused as invalid data.
//
// Sources: Splunk's "Troubleshoot HTTP Event Collector" (codes), "Format events
// for HTTP Event Collector" and "About HTTP Event Collector Indexer
// Acknowledgment".
package hectest
