// Package catalog owns what is known of each kind of event: one table,
// catalog.csv, that says for every event name how it is classified in ECS, OCSF,
// CIM and CEF, how severe it is, and what it means in a sentence. Normalization
// and every encoder read it; nothing is classified in code.
//
// Names that the table does not have fall back by pattern and never fail; Match
// tells how an entry was found, so that a caller can count what is new.
//
// The columns of the table:
//
//	event                 full name; a * stands for any text
//	name                  short title: CEF and LEEF name
//	ecs_category, ecs_type  words of ECS event.category and event.type, with blanks between
//	outcome               success, failure or empty, where it makes no sense
//	severity              info, low, medium, high or critical
//	target                whom or what it was done to, see Target
//	ocsf_class, ocsf_activity, ocsf_activity_name  numbers and name of OCSF 1.8
//	cim_model, cim_dataset, cim_action, cim_object_category, cim_change_type  of Splunk's CIM
//	message               what an actor did, see Entry.Message
//	meaning               one sentence
//
// A catalog is safe for use by many goroutines.
package catalog
