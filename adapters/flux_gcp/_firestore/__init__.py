"""The store in Firestore: `storage` is what fills the port, the rest is what it is made of."""
