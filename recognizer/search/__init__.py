"""What is like it: embeddings, the FAISS index over the catalogue's photos, and how alike two photos are."""
