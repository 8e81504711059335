package strongswan

// action is a command for charon.
type action struct {
	command string
	fields  map[string]string
}

// do sends the command to charon.
func (a *action) do(s caller) error {
	_, err := s.call(a.command, a.fields)
	return err
}

// initiate makes charon establish a CHILD SA, in an existing IKE SA or a new one. Charon answers
// before the SA is established.
func initiate(name string) *action {
	return &action{"initiate", map[string]string{"ike": name, "child": name, "timeout": "-1"}}
}

// terminate makes charon end all IKE SAs of a connection.
func terminate(name string) *action {
	return &action{"terminate", map[string]string{"ike": name, "force": "yes", "timeout": "1000"}}
}

// terminateOne makes charon end the IKE SA with that unique ID.
func terminateOne(id string) *action {
	return &action{"terminate", map[string]string{"ike-id": id, "force": "yes", "timeout": "1000"}}
}
