// Package kafkasink proves the Kafka sink against a broker in the same process.
package kafkasink
