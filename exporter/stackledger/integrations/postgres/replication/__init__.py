"""What lies between servers: who takes writes, who follows whom, how far behind, which slots hold back what."""
