"""May this fit be believed, and what did the data say?"""
