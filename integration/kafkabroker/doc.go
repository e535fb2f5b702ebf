// Package kafkabroker proves the Kafka sink and source against Apache Kafka
// itself, where that takes more than package kafkaagent sees from outside. Its
// tests have the tag "integration".
package kafkabroker
