"""What an auditor needs: the log's arithmetic, its notes and the verifier. Neither Flask nor a database."""
