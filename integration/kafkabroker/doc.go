// Package kafkabroker proves the Kafka sink and source against Apache Kafka
// itself. Its tests have the tag "integration".
package kafkabroker
