// Command agent is shiplog: it ships audit events to SIEMs.
package main

func main() {}
