// Package elastic proves the Elasticsearch sink with the built binary against
// Elasticsearch and OpenSearch as they are. Its tests need the tag
// "integration".
package elastic
