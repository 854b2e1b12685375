"""The protocol face: BlueSnap's JSON Payment API as the service meets it. Nothing here may offer a control that BlueSnap does not have."""
