"""SageMaker's built-in XGBoost, on the library itself.

The programs know the container contract (``/opt/ml``), and nothing of the cloud around them.

Source: "XGBoost algorithm with Amazon SageMaker AI" (Amazon SageMaker Developer Guide), and the behaviour of the image
sagemaker-xgboost 3.0-5.
"""
