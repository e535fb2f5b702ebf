// Package kafkasource proves the Kafka source against a broker in the same
// process.
package kafkasource
