// Package kafkaagent proves the built agent against Apache Kafka, from the
// outside: with config files as users write them, and kill -9 where it hurts.
// Its tests have the tag "integration".
package kafkaagent
