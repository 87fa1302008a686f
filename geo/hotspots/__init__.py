"""Where more is found than the patrols explain."""




