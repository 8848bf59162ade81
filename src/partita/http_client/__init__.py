"""HTTP from the side of the client, for programs that ask a server of others once in a while."""
